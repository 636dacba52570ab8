"""Rank-1 factors: a trained kernel, with a random factor for each input and output channel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from keras import ops

from bayeslayers.backend import is_sparse, within_range
from bayeslayers.contract.references import REFERENCES
from bayeslayers.distributions.posteriors import Posterior
from bayeslayers.estimators.estimator import Estimator, MapDraw, RandomMap


class Rank1(Estimator):
    """Dusenberry et al. (2020): the kernel is trained, and two vectors that scale it are random."""

    name = "rank-1"
    factors = ("alpha", "gamma")
    formula = (
        "y = A(x * alpha, W) * gamma,   alpha ~ q_m(alpha),   gamma ~ q_m(gamma),   "
        "m = 1, ..., ensemble_size"
    )
    occasion = (
        "Take it for large networks, and for ensembles that cost little more than one network: "
        "there are hardly more weights than in a plain layer, and prediction takes no longer."
    )
    fitted = (
        "a kernel, as in a plain layer, and the posterior distributions of two factors that scale "
        "its input channels and its output channels"
    )
    explanation = (
        "A is the linear map, x are the inputs, and W is the trained kernel, which has no "
        "posterior. alpha has a number for each input channel, and gamma one for each output "
        "channel. So the weights are W times the outer product of the two, which has rank 1. Each "
        "member m of the ensemble has its own factors with the posteriors q_m, and its own bias; "
        "all share W. Normal factors are drawn anew for each example. All other posteriors, and "
        "that of the bias, are drawn once for each member and call.\n\n"
        "In a call, example i of a batch of B, counted from 0, belongs to member "
        "`floor(i * ensemble_size / B)`: the batch is cut into as many parts as there are members. "
        "So a batch that consists of the same examples `ensemble_size` times over trains every "
        "member on every example, and any other batch trains each member on a part of it. "
        "`predict_draws()` and all that is built on it takes one member for a whole draw, in all "
        "layers and for all examples, and goes through the members in turn.\n\n"
        "The divergence is summed over the members' factors, as in the authors' code. The evidence "
        "lower bound of the mixture of all members holds the mean over members instead. Where "
        "batches consist of the same examples `ensemble_size` times over, divide by the number of "
        "all examples that are trained on in an epoch, as `fit_bayesian()` does: then each member "
        "has the bound of its own. With other batches, the sum over members is "
        "`ensemble_size` times as strong; `temperature` makes up for it.\n\n"
        'With `alpha_posterior_fn = "deterministic"`, and the same for `gamma_posterior_fn`, the '
        "factors are plain trained numbers without a divergence. The layer is then that of a "
        "BatchEnsemble (Wen et al. 2020). The layer computes one linear map, like a deterministic "
        "layer"
    )
    reference = (
        f"{REFERENCES['Dusenberry et al. (2020)']} Wen, Y., Tran, D., and Ba, J. (2020). "
        "BatchEnsemble: An Alternative Approach to Efficient Ensemble and Lifelong Learning. "
        "International Conference on Learning Representations. https://arxiv.org/abs/2002.06715"
    )

    def draw(self, random_map: RandomMap) -> MapDraw:
        drawn = [_by_example(posterior, random_map) for posterior in random_map.posteriors]
        scale = self.given(random_map, [values for values, _ in drawn])
        return MapDraw(scale, tuple(weight for _, weight in drawn))

    def given(self, random_map: RandomMap, weights: Sequence[Any]) -> Callable[[Any], Any]:
        """Return the map with these factors, of shape (channels,) or (batch, channels)."""
        alpha, gamma = map(random_map.cast, weights)
        kernel = random_map.cast(random_map.kernel)

        def over_positions(factor: Any, rank: int) -> Any:
            is_of_examples = len(factor.shape) > 1
            return random_map.linear_map.over_positions(factor, rank) if is_of_examples else factor

        def apply(inputs: Any) -> Any:
            rank = len(inputs.shape)
            scaled = inputs * over_positions(alpha, rank)
            # A sparse tensor can't be clipped.
            scaled = scaled if is_sparse(scaled) else within_range(scaled)
            outputs = random_map.apply(scaled, kernel)
            return within_range(outputs * over_positions(gamma, rank))

        return apply


def _by_example(posterior: Posterior, random_map: RandomMap) -> tuple[Any, Callable[[], Any]]:
    """Draw the factors of each example, (batch, channels).

    Returns:
        The factors, and what returns a draw of all members' factors.
    """
    if not posterior.is_normal:
        drawn = posterior.sample()
        return _of_members(drawn, random_map), lambda: drawn
    loc, scale = (_of_members(each, random_map) for each in posterior.moments())
    return posterior.sample_outputs(loc, scale), posterior.sample_later()


def _of_members(values: Any, random_map: RandomMap) -> Any:
    """Return for each example the row of its member."""
    if random_map.members is not None:
        return ops.take(values, random_map.members, axis=0)
    return ops.broadcast_to(values, (random_map.batch_size, values.shape[-1]))
