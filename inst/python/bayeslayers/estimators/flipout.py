"""Flipout: one kernel draw per call, made nearly independent between examples by random signs."""

from __future__ import annotations

from typing import Any

from keras import ops

from bayeslayers.backend import at_least_single, matmul, random_signs
from bayeslayers.estimators.estimator import Estimator, MapDraw, RandomMap

_RANK_OF_SEQUENCES = 3


class Flipout(Estimator):
    """Wen et al. (2018): a mean, and a perturbation with one sign per example and channel."""

    name = "Flipout"
    needs_normal = True
    formula = "y = A(x, loc) + A(x * s, delta) * r,   delta ~ q - loc"
    occasion = (
        "Take it as the first choice: each example of a batch has its own draw. The posterior of "
        "the kernel must be `Independent(Normal)`, which is the default."
    )
    explanation = (
        "A is the linear map, x are the inputs, q is the posterior of the kernel, and loc its "
        "mean. delta is a draw of the difference from the mean. The signs s (one for each example "
        "and input channel) and r (one for each example and output channel) are +1 or -1 with "
        "equal probability, and are the same at all positions. Each example has an exact draw of "
        "the kernel, and the draws of two examples are uncorrelated, so the variance of the "
        "gradient falls with the batch size. The layer computes two linear maps where a "
        "deterministic layer computes one"
    )
    reference = (
        "Wen, Y., Vicol, P., Ba, J., Tran, D., and Grosse, R. (2018). Flipout: Efficient "
        "Pseudo-Independent Weight Perturbations on Mini-Batches. International Conference on "
        "Learning Representations. https://arxiv.org/abs/1803.04386"
    )

    def draw(self, random_map: RandomMap) -> MapDraw:
        linear_map = random_map.linear_map
        loc, perturbation = random_map.posterior.perturbation()
        in_signs, out_signs = _signs(random_map)
        mean, delta = random_map.cast(loc), random_map.cast(perturbation)

        def apply(inputs: Any) -> Any:
            if linear_map.as_matrix(mean) is not None and _has_few_outputs(random_map, inputs):
                return _by_example(random_map, inputs, mean, delta, in_signs, out_signs)
            rank = len(inputs.shape)
            s, r = (linear_map.over_positions(signs, rank) for signs in (in_signs, out_signs))
            return random_map.apply(inputs, mean) + random_map.apply(inputs * s, delta) * r

        return MapDraw(apply, (lambda: loc + perturbation,))


def _signs(random_map: RandomMap) -> tuple[Any, Any]:
    """Draw the signs of inputs (batch, channels) and outputs (batch, new_channels) at once."""
    channels = random_map.channels
    both = channels + random_map.linear_map.output_channels(channels)
    shape = (random_map.batch_size, both)
    signs = random_signs(shape, random_map.dtype, random_map.seeds.next())
    return signs[:, :channels], signs[:, channels:]


def _has_few_outputs(random_map: RandomMap, inputs: Any) -> bool:
    """Whether kernels of all examples are smaller than the outputs, where inputs have positions."""
    is_sequence = len(inputs.shape) == _RANK_OF_SEQUENCES and inputs.shape[1] is not None
    # In lower precision a kernel would lose perturbations that its mean is large compared with.
    is_precise = random_map.dtype == at_least_single(random_map.dtype)
    outputs = random_map.linear_map.output_channels(random_map.channels)
    return is_sequence and is_precise and outputs <= inputs.shape[1]


def _by_example(
    random_map: RandomMap, inputs: Any, mean: Any, delta: Any, in_signs: Any, out_signs: Any
) -> Any:
    """Return the draw by one product with the kernel of each example, loc + delta * s r'."""
    linear_map = random_map.linear_map
    mean, delta = linear_map.as_matrix(mean), linear_map.as_matrix(delta)
    signed = delta * ops.expand_dims(in_signs, 2) * ops.expand_dims(out_signs, 1)
    return matmul(inputs, mean + signed)
