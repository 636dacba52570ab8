"""TensorFlow Probability's shape with our layers in it: `layers` is ours, all else is its own.

`tfp.layers` holds the layers of this package; `tfp.distributions`, `tfp.bijectors` and every other
name come from TensorFlow Probability, which is imported when one of them is first asked for.
"""

from __future__ import annotations

from typing import Any

from bayeslayers import layers
from bayeslayers.backend import distribution_library


def __getattr__(name: str) -> Any:
    # Python asks any module for names with two underscores.
    if name.startswith("__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(distribution_library(), name)


def __dir__() -> list[str]:
    try:
        return sorted({*dir(distribution_library()), "layers"})
    except NotImplementedError:
        return ["layers"]


__all__ = ["layers"]
