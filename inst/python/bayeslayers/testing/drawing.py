"""Rules about a layer's draws: when they are new, and when they are the same."""

from __future__ import annotations

import keras
from keras import ops

from bayeslayers.base_layers.bayesian_layer import BayesianLayer
from bayeslayers.base_layers.model_draw import ModelDraw, drawing
from bayeslayers.base_layers.stochastic_layer import StochasticLayer
from bayeslayers.base_layers.variational_layer import VariationalLayer
from bayeslayers.distributions.defaults import sample_posterior
from bayeslayers.distributions.makers import default_mean_field_normal_fn
from bayeslayers.testing.check import require, rule
from bayeslayers.testing.subject import Subject, agree, difference, numbers

# So narrow that a draw is the mean, to the precision of the dtype.
_WITHOUT_SPREAD = default_mean_field_normal_fn(
    untransformed_scale_initializer=keras.initializers.Constant(-50.0)
)


def _rounding(layer: keras.Layer) -> float:
    """Return what two ways to add up the same numbers may differ by, as a part of the largest."""
    return 0.05 if "16" in layer.compute_dtype else 1e-4


def _stands_for_a_draw(layer: StochasticLayer) -> bool:
    """Whether the outputs as a tensor are a draw, and not the mean of a distribution, say."""
    return getattr(layer, "convert_to_tensor_fn", sample_posterior) in (sample_posterior, "sample")


@rule(StochasticLayer)
def check_calls_draw_anew(subject: Subject) -> None:
    """Two calls of the layer draw anew."""
    layer = subject.built()
    if not _stands_for_a_draw(layer):
        return
    first, second = layer(subject.inputs), layer(subject.inputs)
    require(not agree(first, second), "Two calls gave the same outputs.")


@rule(StochasticLayer)
def check_seed_repeats_the_draws(subject: Subject) -> None:
    """The same `seed` gives the same draws, and another one others."""
    first, second = subject.twins()
    for call in ("first", "second"):
        found, expected = second(subject.inputs), first(subject.inputs)
        require(
            agree(found, expected),
            f"Two layers of one seed and one state differ in their {call} call: "
            f"{difference(found, expected)}.",
        )
    if not _stands_for_a_draw(first):
        return
    other = subject.built(seed=first.seed + 1)
    other.set_weights(first.get_weights())
    is_same = agree(other(subject.inputs), subject.twins()[0](subject.inputs))
    require(not is_same, "A layer of another seed draws the same.")


@rule(VariationalLayer)
def check_compiled_is_eager(subject: Subject) -> None:
    """A compiled call gives what the layer itself gives."""
    first, second = map(subject.model, subject.twins())
    expected, found = first(subject.inputs), second.predict_on_batch(subject.inputs)
    is_same = agree(found, expected, _rounding(first.layers[-1]))
    require(is_same, f"Compiled and not, {difference(found, expected)}.")


@rule(VariationalLayer)
def check_without_spread_is_the_plain_layer(subject: Subject) -> None:
    """Where posteriors have no spread, the layer is `plain_layer()` at their means."""
    roles = subject.layer_class.roles()
    layer = subject.built(**{f"{role}_posterior_fn": _WITHOUT_SPREAD for role in roles})
    plain = layer.plain_layer()
    plain.build(subject.inputs.shape)
    plain.set_weights(layer.plain_weights("mean"))
    found, expected = layer(subject.inputs), plain(subject.inputs)
    is_same = agree(found, expected, _rounding(layer))
    require(is_same, f"Outputs of the two: {difference(found, expected)}.")


@rule(BayesianLayer)
def check_draw_of_the_model_is_one_function(subject: Subject) -> None:
    """In a draw of the whole model, an example's outputs are the same among others."""
    layer = subject.built()

    def call(inputs: object, number: int) -> list:
        seed = ops.convert_to_tensor([5, number], "int32")
        with drawing(ModelDraw(seed, 0, [layer])):
            return numbers(layer(inputs))

    whole, part = call(subject.inputs, 1), call(subject.inputs[:1], 1)
    # If the layer returns its state as well, the first dimension of each output is the examples.
    among_others = [each[:1] for each in whole]
    require(
        agree(part, among_others, _rounding(layer)),
        f"Alone and among others, {difference(part, among_others)}.",
    )
    require(not agree(call(subject.inputs, 2), whole), "Two draws of the model are the same.")
