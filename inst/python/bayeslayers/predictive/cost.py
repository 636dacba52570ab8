"""What predictions cost: parameters, and the time that it takes to compute them."""

from __future__ import annotations

import math
import time

from bayeslayers.predictive.evaluation import Evaluation, Wanted


def parameters(evaluation: Evaluation) -> int:
    """Return how many numbers the weights of all models have; a weight that they share is one."""
    weights = {id(w): w for model in evaluation.members.models for w in model.weights}
    return sum(math.prod(weight.shape) for weight in weights.values())


def seconds(evaluation: Evaluation, wanted: Wanted) -> float:
    """Return how long statistics of all examples take, compiled before.

    Args:
        evaluation: That of the examples, which can be gone through more than once.
        wanted: The statistics.
    """
    evaluation.reduce(wanted, lambda _: None)
    start = time.perf_counter()
    evaluation.reduce(wanted, lambda _: None)
    return time.perf_counter() - start
