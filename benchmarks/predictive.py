"""Time 100 draws of the predictive distribution, against calls and against TFP's layers.

Three ways to 100 draws for 1,000 inputs, in turn in one process: `predict_draws()`, 100 calls
of the model, and 100 calls of the same model of TensorFlow Probability's layers in a loop inside
one `tf.function`. Prints the medians and their ratios, and writes them to results/predictive.json.

Run: python benchmarks/predictive.py
"""

from __future__ import annotations

import json
import statistics
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from libraries import DRAWS, INPUTS, Bayeslayers, TensorFlowProbability, predictive_network

from bayeslayers import predict_draws

ROUNDS = 7
RESULTS = Path(__file__).parent / "results" / "predictive.json"


def in_one_function(model: Any) -> Any:
    """Return a function that calls the model as many times as there are draws, in one graph."""

    @tf.function
    def draws(x: Any) -> Any:
        return tf.map_fn(lambda _: model(x), tf.range(DRAWS), fn_output_signature=tf.float32)

    return draws


def main() -> None:
    """Measure, print and write."""
    ours, theirs = predictive_network(Bayeslayers()), predictive_network(TensorFlowProbability())
    x = np.random.default_rng(1).normal(size=(INPUTS, 24, 3)).astype("float32")
    tensor, tfp_draws = tf.constant(x), in_one_function(theirs)
    ways = {
        "predict_draws": lambda: predict_draws(ours, x, draws=DRAWS, verbose=0),
        "calls": lambda: np.stack([keras.ops.convert_to_numpy(ours(x)) for _ in range(DRAWS)]),
        "tfp in one function": lambda: tfp_draws(tensor).numpy(),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():
        way()
    for _ in range(ROUNDS):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            times[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(timed) for name, timed in times.items()}
    report = {
        "draws": DRAWS,
        "inputs": INPUTS,
        "seconds": medians,
        "ratios": {name: value / medians["predict_draws"] for name, value in medians.items()},
    }
    RESULTS.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    for name, seconds in medians.items():
        print(f"{name}: {seconds:.3f} s, {report['ratios'][name]:.2f} times predict_draws()")


if __name__ == "__main__":
    main()
