"""TensorFlow Probability's shape with our layers in it: `layers` is ours, all else is its own.

`tfp.layers` holds the layers of this package; `tfp.distributions`, `tfp.bijectors` and every other
name come from TensorFlow Probability, which is imported when one of them is first asked for.
"""

from __future__ import annotations

from typing import Any

from bayeslayers import layers


def __getattr__(name: str) -> Any:
    import tensorflow_probability

    return getattr(tensorflow_probability, name)


def __dir__() -> list[str]:
    import tensorflow_probability

    return sorted({*dir(tensorflow_probability), "layers"})


__all__ = ["layers"]
