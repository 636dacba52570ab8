"""Verbs on whole models: divergence, predictive distribution, scores, posterior, plain twins."""

from bayeslayers.models.callbacks import callback_kl_annealing, callback_kl_history
from bayeslayers.models.conversion import as_bayesian, as_deterministic
from bayeslayers.models.draws import predict_draws
from bayeslayers.models.history import training_history
from bayeslayers.models.kl import kl_divergence, scale_kl
from bayeslayers.models.posterior import posterior_draws, posterior_summary
from bayeslayers.models.pruning import prune, pruning_curve
from bayeslayers.models.scores import log_likelihood, predictive_scores, reliability_curve
from bayeslayers.models.seeds import reseed
from bayeslayers.models.summary import predictive_summary

FUNCTIONS = {
    function.__name__: function
    for function in (
        kl_divergence,
        scale_kl,
        callback_kl_history,
        callback_kl_annealing,
        predict_draws,
        predictive_summary,
        log_likelihood,
        predictive_scores,
        reliability_curve,
        posterior_draws,
        posterior_summary,
        training_history,
        as_bayesian,
        as_deterministic,
        prune,
        pruning_curve,
        reseed,
    )
}
