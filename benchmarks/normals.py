"""Ways to draw standard normals, by backend: each exact, and ready to call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from devices import torch_device, wait_for

Ways = dict[str, Callable[[], Any]]
_NUMBERS_OF_A_CALL, _DRAWS_OF_A_CALL = 2**20, 24


def draws_of_a_call(count: int) -> int:
    """Return how many draws of so many numbers one call makes.

    A step draws within its function: what it costs to call a function is none of the draw's cost.
    """
    return min(max(_NUMBERS_OF_A_CALL // count, 1), _DRAWS_OF_A_CALL)


def on_tensorflow(count: int) -> Ways:
    """Return TensorFlow's ways and ours, compiled by XLA or not."""
    import tensorflow as tf

    from bayeslayers.backend import weight_noise

    shape = (count,)
    seeds = [tf.constant([1, i]) for i in range(draws_of_a_call(count))]
    ways = {
        "stateless_normal, Philox": lambda seed: tf.random.stateless_normal(
            shape, seed, alg="philox"
        ),
        "stateful normal": lambda seed: tf.random.normal(shape),
        "bayeslayers": lambda seed: weight_noise(shape, tf.float32, seed),
    }

    def function(way: Callable[[Any], Any], jit: bool) -> Callable[[], Any]:
        return tf.function(lambda: [way(seed) for seed in seeds], jit_compile=jit)

    compiled = {
        f"{name}, XLA": function(way, True)
        for name, way in ways.items()
        if name != "stateful normal"
    }
    return {name: function(way, False) for name, way in ways.items()} | compiled


def on_jax(count: int) -> Ways:
    """Return JAX's way and ours."""
    import jax

    from bayeslayers.backend import weight_noise

    seeds = [jax.numpy.array([1, i], "uint32") for i in range(draws_of_a_call(count))]
    ways = {
        "jax.random.normal": lambda seed: jax.random.normal(seed, (count,)),
        "bayeslayers": lambda seed: weight_noise((count,), "float32", seed),
    }

    def function(way: Callable[[Any], Any]) -> Callable[[], Any]:
        call = jax.jit(lambda seeds: [way(seed) for seed in seeds])
        return lambda: jax.block_until_ready(call(seeds))

    return {name: function(way) for name, way in ways.items()}


def on_torch(count: int) -> Ways:
    """Return PyTorch's way and ours."""
    import torch

    from bayeslayers.backend import weight_noise

    seeds = [torch.tensor([1, i]) for i in range(draws_of_a_call(count))]
    device = torch_device()

    def call(way: Callable[[Any], Any]) -> Callable[[], Any]:
        return lambda: wait_for("torch", [way(seed) for seed in seeds])

    return {
        "torch.randn": call(lambda seed: torch.randn(count, device=device)),
        "bayeslayers": call(lambda seed: weight_noise((count,), torch.float32, seed)),
    }


WAYS: dict[str, Callable[[int], Ways]] = {
    "tensorflow": on_tensorflow,
    "jax": on_jax,
    "torch": on_torch,
}
