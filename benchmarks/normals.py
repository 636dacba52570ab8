"""Ways to draw standard normals, by backend: each exact, and ready to call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Ways = dict[str, Callable[[], Any]]


def on_tensorflow(count: int) -> Ways:
    """Return TensorFlow's ways and ours, compiled by XLA or not."""
    import tensorflow as tf

    from bayeslayers.backend import standard_normal

    seed, shape = tf.constant([1, 2]), (count,)
    ways = {
        "stateless_normal, Philox": lambda: tf.random.stateless_normal(shape, seed, alg="philox"),
        "stateful normal": lambda: tf.random.normal(shape),
        "bayeslayers": lambda: standard_normal(shape, tf.float32, seed),
    }
    return {
        f"{name}, {how}": tf.function(way, jit_compile=jit)
        for name, way in ways.items()
        for how, jit in (("XLA", True), ("no XLA", False))
        if not (jit and name == "stateful normal")
    }


def on_jax(count: int) -> Ways:
    """Return JAX's way and ours."""
    import jax

    from bayeslayers.backend import standard_normal

    seed = jax.numpy.array([1, 2], "uint32")
    ways = {
        "jax.random.normal": jax.jit(lambda seed: jax.random.normal(seed, (count,))),
        "bayeslayers": jax.jit(lambda seed: standard_normal((count,), "float32", seed)),
    }
    return {
        name: lambda way=way: jax.block_until_ready(way(seed))  # type: ignore[misc]
        for name, way in ways.items()
    }


def on_torch(count: int) -> Ways:
    """Return PyTorch's way and ours."""
    import torch

    from bayeslayers.backend import standard_normal

    seed = torch.tensor([1, 2])
    return {
        "torch.randn": lambda: torch.randn(count),
        "bayeslayers": lambda: standard_normal((count,), torch.float32, seed),
    }


WAYS: dict[str, Callable[[int], Ways]] = {
    "tensorflow": on_tensorflow,
    "jax": on_jax,
    "torch": on_torch,
}
