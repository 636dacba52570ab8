"""Verbs on whole models: divergence, predictive distribution, scores, posterior, plain twins."""

from bayeslayers.models.calibration import conformal_interval, recalibrate
from bayeslayers.models.callbacks import (
    callback_kl_annealing,
    callback_kl_history,
    callback_log_score,
)
from bayeslayers.models.comparison import compare_predictive
from bayeslayers.models.conversion import as_bayesian
from bayeslayers.models.deterministic import as_deterministic
from bayeslayers.models.draws import predict_draws
from bayeslayers.models.fitting import fit_bayesian
from bayeslayers.models.history import training_history
from bayeslayers.models.inference_data import as_inference_data
from bayeslayers.models.kl import kl_divergence, scale_kl
from bayeslayers.models.ood import ood_detection, ood_scores
from bayeslayers.models.posterior import posterior_draws, posterior_summary
from bayeslayers.models.pruning import prune, pruning_curve
from bayeslayers.models.report import conversion_report
from bayeslayers.models.scores import log_likelihood, predictive_scores, reliability_curve
from bayeslayers.models.seeds import reseed
from bayeslayers.models.summary import predictive_summary

__all__ = [
    "as_bayesian",
    "as_deterministic",
    "as_inference_data",
    "callback_kl_annealing",
    "callback_kl_history",
    "callback_log_score",
    "compare_predictive",
    "conformal_interval",
    "conversion_report",
    "fit_bayesian",
    "kl_divergence",
    "log_likelihood",
    "ood_detection",
    "ood_scores",
    "posterior_draws",
    "posterior_summary",
    "predict_draws",
    "predictive_scores",
    "predictive_summary",
    "prune",
    "pruning_curve",
    "recalibrate",
    "reliability_curve",
    "reseed",
    "scale_kl",
    "training_history",
]
