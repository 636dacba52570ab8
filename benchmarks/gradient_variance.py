"""Variance of the gradient against the size of the batch: the central figure of Wen et al. (2018).

With one kernel for a whole batch the gradient's variance does not fall with the batch; under
Flipout, whose draws are uncorrelated between examples, it falls as 1 / N. What is measured is the
variance that the draws cause, and nothing else: all examples of a batch are the same.

Run: python benchmarks/gradient_variance.py
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from bayeslayers import layers

RESULTS = Path(__file__).parent / "results"
BATCH_SIZES = (1, 4, 16, 64, 256)
DRAWS = 500
LAYERS: dict[str, tuple[Callable[[str], Any], tuple[int, ...]]] = {
    "Dense 8 -> 4": (lambda estimator: getattr(layers, f"Dense{estimator}")(4, seed=1), (8,)),
    "Conv1D 12 x 3 -> 4, width 3": (
        lambda estimator: getattr(layers, f"Conv1D{estimator}")(4, 3, seed=1),
        (12, 3),
    ),
}
ESTIMATORS = ("Flipout", "Reparameterization")


def gradient_variance(layer: Any, example: np.ndarray, batch: int, draws: int) -> float:
    """Return the variance of the gradient of a squared error, summed over the kernel's means.

    Args:
        layer: A layer of this package.
        example: The example that the batch consists of.
        batch: How many examples there are.
        draws: How many gradients the variance is estimated from.
    """
    inputs = tf.constant(np.repeat(example[None], batch, axis=0), tf.float32)
    layer.build(inputs.shape)
    means = layer.trainable_variables[0].value

    @tf.function
    def gradient() -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((layer(inputs) - 1.0) ** 2)
        return tape.gradient(loss, means)

    found = np.stack([gradient().numpy().ravel() for _ in range(draws)]).astype("float64")
    return float(found.var(axis=0, ddof=1).sum())


def slope(sizes: tuple[int, ...], variances: list[float]) -> float:
    """Return the slope of a straight line through the logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(variances), 1)[0])


def measure(name: str, estimator: str, draws: int = DRAWS) -> list[float]:
    """Return the variances of a layer for each size of the batch."""
    make, shape = LAYERS[name]
    example = np.random.default_rng(1).normal(size=shape)
    return [gradient_variance(make(estimator), example, size, draws) for size in BATCH_SIZES]


def main() -> None:
    """Measure, print, and draw."""
    from pictures import draw_variances

    found = {"batch_sizes": BATCH_SIZES, "draws": DRAWS, "layers": {}, "slopes": {}}
    for name in LAYERS:
        variances = {estimator: measure(name, estimator) for estimator in ESTIMATORS}
        found["layers"][name] = variances
        found["slopes"][name] = {e: slope(BATCH_SIZES, v) for e, v in variances.items()}
        for estimator, value in found["slopes"][name].items():
            print(f"{name}, {estimator}: slope {value:+.3f}")
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "gradient_variance.json").write_text(json.dumps(found, indent=1) + "\n")
    draw_variances(found, RESULTS / "gradient_variance.png")


if __name__ == "__main__":
    main()
