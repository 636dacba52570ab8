"""Verbs on whole models: their divergence, their predictive distribution, their plain twins."""

from bayeslayers.models.callbacks import callback_kl_annealing, callback_kl_history
from bayeslayers.models.conversion import as_bayesian, as_deterministic
from bayeslayers.models.draws import predict_draws
from bayeslayers.models.kl import kl_divergence, scale_kl
from bayeslayers.models.pruning import prune, pruning_curve
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
        as_bayesian,
        as_deterministic,
        prune,
        pruning_curve,
    )
}
