"""New streams of random numbers for a model that others have, too."""

from __future__ import annotations

from collections.abc import Iterator

import keras

from bayeslayers.architecture.walk import all_layers, check_model
from bayeslayers.backend import StateHolder
from bayeslayers.contract import checks
from bayeslayers.contract.errors import ArgumentError, Described
from bayeslayers.contract.functions import public_function
from bayeslayers.distributions.streams import start_anew


@public_function()
def reseed(model: keras.Model, seed: int | None = None) -> keras.Model:
    """New streams of random numbers for a model.

        stream of layer i = hash(seed, i)

    Take it where one model runs in several workers, or was loaded twice, and the noise must differ.
    The stream of random numbers of layer i follows from `seed` and i.

    Each layer that draws has a stream of random numbers. A file keeps the state of each stream, so
    that training continues from the file as it would have without it. Therefore two models that are
    loaded from one file draw the same noise. `reseed()` starts the streams of all layers anew. With
    another seed in each worker the noise of the workers is independent; with the same seed it is
    the same.

    Layers are identified by their place in the model, not by their names: a model and its clone
    draw the same noise under the same seed. The streams of different layers, and of different
    seeds, are independent. Layers inside layers, and those of `keras.layers` that draw, such as
    `Dropout`, are included. Weights do not change, and neither does a layer's argument `seed`, from
    which its first weights came.

    `predict_draws()` and the functions that use it have their own argument `seed`, and do not need
    `reseed()`.

    Returns:
        The model, with new streams.

    Raises:
        ArgumentError: If `seed` breaks its rule, or `model` is no Keras 3 model or has no layer
            that draws.

    Example:
        >>> import keras
        >>> from bayeslayers import layer_dense_flipout, reseed
        >>> model = keras.Sequential([keras.Input((3,))])
        >>> model = layer_dense_flipout(model, units=1)
        >>> x = keras.ops.ones((2, 3))
        >>> first = reseed(model, seed=1)(x)
        >>> bool(keras.ops.all(reseed(model, seed=1)(x) == first))
        True
        >>> bool(keras.ops.any(reseed(model, seed=2)(x) == first))
        False

    R example:
        library(keras3)
        model <- keras_model_sequential(input_shape = 3) |>
          layer_dense_flipout(units = 1)
        model |> reseed(seed = 1)
        model(array(1, c(2, 3)))

    Reference:
        Salmon, J. K., Moraes, M. A., Dror, R. O., and Shaw, D. E. (2011). Parallel Random Numbers:
            As Easy as 1, 2, 3. SC11. https://doi.org/10.1145/2063384.2063405
    """
    seed = checks.seed("seed", seed)
    generators = list(_generators(check_model(model)))
    if not generators:
        rule = "must contain a layer that draws"
        raise ArgumentError("model", rule, {"model": Described(f"{model.name!r} without one")})
    seed = checks.seed_or_drawn("seed", seed)
    for place, generator in enumerate(generators):
        start_anew(generator, seed, place)
    return model


def _generators(model: keras.Layer) -> Iterator[keras.random.SeedGenerator]:
    """Go through the generators of seeds in a model, each once."""
    seen = set()
    for layer in all_layers(model):
        for value in vars(layer).values():
            # Some frameworks keep other state in what Keras takes for a generator of seeds.
            draws = isinstance(value, keras.random.SeedGenerator)
            if draws and not isinstance(value, StateHolder) and id(value) not in seen:
                seen.add(id(value))
                yield value
