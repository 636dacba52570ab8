"""Names that are not public: what we rely on, and whether a public way has come.

Where a test whose name ends in `is_still_needed` fails, the function of `compat` can go.
"""

import inspect
import re
from pathlib import Path

import keras
import numpy as np
import pytest
from frameworks import BACKEND, assert_array_equal, on
from keras import ops

from bayeslayers import ArgumentError, compat, tfb_pad

if BACKEND == "tensorflow":
    import tensorflow as tf
    import tensorflow_probability as tfp

    from bayeslayers.backend.tensorflow import compat as compat_of_tensorflow

PROJECT = Path(__file__).parents[2] / "pyproject.toml"


class Holder(keras.Layer):
    """A layer that holds others, and adds a loss of its own."""

    def __init__(self, *held):
        super().__init__()
        self.held = list(held)

    def call(self, x):
        self.add_loss(ops.sum(x))
        for layer in self.held:
            x = layer(x)
        return x


def has_public(names, *places):
    return any(hasattr(place, name) for place in places for name in names)


# Masks.


def test_the_mask_of_an_output_is_found():
    embedded = keras.layers.Embedding(3, 2, mask_zero=True)(np.array([[1, 0]]))
    np.testing.assert_array_equal(ops.convert_to_numpy(compat.mask_of(embedded)), [[True, False]])
    assert compat.mask_of(ops.ones((1, 2))) is None


def test_the_mask_of_an_output_is_still_needed():
    assert not has_public(["get_keras_mask", "get_mask"], keras, keras.ops, keras.utils)


# Stateless scopes.


def test_a_value_is_replaced_inside_a_stateless_scope_alone():
    one, other = keras.Variable(1.0), keras.Variable(2.0)
    assert not compat.in_stateless_scope()
    with keras.StatelessScope(state_mapping=[(one, ops.ones(()))]):
        assert compat.in_stateless_scope()
        assert compat.is_replaced(one)
        assert not compat.is_replaced(other)
    assert not compat.is_replaced(one)


def test_in_stateless_scope_is_still_needed():
    names = ["in_stateless_scope", "get_stateless_scope"]
    assert not has_public(names, keras, keras.utils, keras.backend, keras.StatelessScope)


def test_keras_infers_shapes_in_a_symbolic_scope():
    seen = []

    class Seeing(keras.Layer):
        def call(self, x):
            seen.append((compat.in_symbolic_scope(), compat.in_layer_call()))
            return x

    layer = Seeing()
    layer(keras.Input((2,)))
    layer(np.ones((1, 2), "float32"))
    # JAX and PyTorch infer a shape from two calls, of two numbers of examples.
    *inferring, computing = seen
    assert set(inferring) == {(True, True)}
    assert computing == (False, True)
    assert not compat.in_symbolic_scope()
    assert not compat.in_layer_call()


def test_in_symbolic_scope_and_in_layer_call_are_still_needed():
    names = ["in_symbolic_scope", "in_layer_call", "call_context"]
    assert not has_public(names, keras, keras.utils, keras.backend, keras.Layer)


# Autocasts.


def test_variables_of_other_layers_keep_their_precision():
    class Reading(keras.Layer):
        def __init__(self):
            super().__init__(dtype="mixed_bfloat16")
            self.number = self.add_weight(shape=(), initializer="ones")

        def call(self, x):
            with compat.without_autocast():
                inside = self.number * self.number
            seen.append([str(inside.dtype), str((self.number * self.number).dtype)])
            return x

    seen = []
    Reading()(np.ones((1, 2), "float32"))
    assert all("bfloat16" not in inside and "bfloat16" in outside for inside, outside in seen)


def test_without_autocast_is_still_needed():
    assert not has_public(["AutocastScope", "autocast_scope"], keras, keras.utils, keras.backend)


# Layers in layers.


def test_layers_in_layers_are_found_once():
    shared = keras.layers.Dense(1)
    inner = Holder(shared, keras.layers.ReLU())
    outer = Holder(inner, shared)
    assert set(compat.flat_layers(outer)) == {outer, inner, *inner.held}
    assert len(compat.flat_layers(outer)) == 4
    assert compat.flat_layers(outer, direct=True) == [inner, shared]


def test_a_layer_may_say_itself_what_it_holds():
    held = [keras.layers.Dense(1), keras.layers.ReLU()]
    layer = compat.HeldLayers()
    vars(layer).update(held_layers=held)
    assert compat.flat_layers(layer) == held
    assert compat.flat_layers(layer, direct=True) == held


def test_attributes_are_found_without_keras_own_list_of_layers():
    layer = Holder(keras.layers.Dense(1))
    layer.further = keras.layers.ReLU()
    found = compat.attributes_of(layer)
    assert list(found["held"]) == list(layer.held)
    assert found["further"] is layer.further
    lists = [value for value in found.values() if isinstance(value, (list, tuple))]
    assert not any(item is layer.further for value in lists for item in value)


def test_a_layer_takes_the_place_of_another_one_that_is_held():
    class Single(keras.Layer):
        def __init__(self):
            super().__init__()
            self.first = keras.layers.Dense(3)
            self.second = keras.layers.Dense(1)

        def call(self, x):
            return self.second(self.first(x))

    holder, x = Single(), np.ones((1, 2), "float32")
    holder(x)
    old, new = holder.first, keras.layers.Dense(3, use_bias=False, name="new")
    new.build((None, 2))
    compat.exchange_held_layer(holder, old, new)
    # Keras takes the attribute, too, as it knows the layer; a further one it refuses.
    holder.first = new
    with pytest.raises(ValueError, match=r"locked|add new elements of state"):
        holder.third = keras.layers.Dense(1)
    assert compat.flat_layers(holder, direct=True) == [new, holder.second]
    assert len(holder.trainable_weights) == 3
    np.testing.assert_allclose(
        ops.convert_to_numpy(holder(x)), ops.convert_to_numpy(holder.second(new(x))), rtol=1e-6
    )


def test_exchange_held_layer_is_still_needed():
    names = ["replace_layer", "exchange_layer", "swap_layer", "unlock", "layers"]
    assert not has_public(names, keras.Layer)


def test_flat_layers_is_still_needed():
    assert not has_public(["flatten_layers", "layers", "sublayers", "iter_layers"], keras.Layer)


# The graph of a functional model.


def test_what_is_behind_a_symbolic_tensor():
    first, second = keras.Input((2,)), keras.Input((2,))
    add = keras.layers.Add()
    added = add([first, second])
    assert compat.operation_behind(added) == (add, 0)
    again = add([second, first])
    assert compat.inputs_behind(added) == [first, second]
    assert compat.inputs_behind(again) == [second, first]
    assert compat.operation_behind(ops.ones(())) is None


def test_a_copy_of_an_operation_has_no_place_in_a_graph():
    x = keras.Input((2,))
    doubled = x * 2
    operation, _ = compat.operation_behind(doubled)
    copy = compat.copy_of_operation(operation)
    assert type(copy) is type(operation)
    with pytest.raises((AttributeError, ValueError)):
        copy.input  # noqa: B018
    other = keras.Input((2,))
    model = keras.Model(other, copy(other, 3))
    assert_array_equal(model(ops.ones((1, 2))), [[3.0, 3.0]])
    assert_array_equal(keras.Model(x, doubled)(ops.ones((1, 2))), [[2.0, 2.0]])


def test_outputs_come_in_the_order_that_a_functional_model_has_them_in():
    x = keras.Input((2,))
    inner = keras.Model(x, {"b": x + 1, "a": [x, {"d": x + 2, "c": x + 3}]})
    returned = {"a": [0, {"c": 1, "d": 2}], "b": 3}
    for model in (inner, keras.Sequential([x, inner])):
        found = compat.in_order_of_outputs(model, returned)
        assert found == returned
        assert [list(found), list(found["a"][1])] == [["b", "a"], ["d", "c"]]
    # What a model's own code has made of them, and what has no names.
    for other in ({"c": 0, "a": 1}, [0, 1], (0,), 0):
        assert compat.in_order_of_outputs(inner, other) == other
    assert list(compat.in_order_of_outputs(Holder(), returned)) == ["a", "b"]


def test_the_calls_of_a_layer_in_models_have_tensors_of_their_own():
    class Scaled(keras.Layer):
        def call(self, x, by=1.0):
            return by * x

    layer, one, other = Scaled(), keras.Input((2,)), keras.Input((3,), dtype="float16")
    assert compat.symbolic_calls(layer) == []
    layer(one)
    layer(other, by=2.0)
    (first, nothing), (second, options) = compat.symbolic_calls(layer)
    assert (first[0].shape, first[0].dtype, nothing) == ((None, 2), "float32", {})
    assert (second[0].shape, options) == ((None, 3), {"by": 2.0})
    assert first[0] is not one
    assert second[0] is not other


def test_walking_a_graph_is_still_needed():
    assert not has_public(["history", "operation", "keras_history"], keras.KerasTensor)
    assert not has_public(["copy", "clone", "inbound_nodes"], keras.Operation)
    # The public way is to the inputs of the first of several calls.
    first, second, relu = keras.Input((2,)), keras.Input((2,)), keras.layers.ReLU()
    relu(first)
    relu(second)
    assert relu.input is first


# Losses.


@pytest.mark.parametrize("compiles", [False, True])
def test_whether_keras_divides_penalties_is_what_it_does(compiles):
    rows = np.ones((4, 1), "float32")
    layer = keras.layers.Identity(activity_regularizer=ops.sum)
    layer(rows)
    assert float(layer.losses[0]) == (1.0 if compat.divides_penalties() else 4.0)
    if compiles and BACKEND == "tensorflow":
        found = tf.function(lambda: tf.constant(compat.divides_penalties.__wrapped__()))()
        assert bool(found) == compat.divides_penalties()


def test_divides_penalties_is_still_needed():
    """Versions that add penalties as they are, up to some version after 3.7, are supported."""
    assert "keras>=3.7," in PROJECT.read_text("utf-8")


def test_own_losses_are_those_of_the_layer_alone():
    inner = Holder()
    outer = Holder(inner)
    outer(ops.ones((2, 1)))
    assert [float(loss) for loss in compat.own_losses(outer, outer)] == [2.0]
    assert len(outer.losses) == 2


def test_own_losses_is_still_needed():
    assert not has_public(["own_losses", "get_own_losses"], keras.Layer)


def test_a_layer_knows_its_losses_by_ids_and_keeps_them_longer_than_the_losses():
    inner = Holder()
    outer = Holder(inner)
    outer(ops.ones((2, 1)))
    _, _, losses = outer.stateless_call([], [], ops.ones((2, 1)), return_losses=True)
    known = [compat.loss_ids(layer) for layer in (outer, inner)]
    assert [{id(loss)} for loss in losses] == known
    vars(outer)["_losses_override"] = losses
    for layer, loss in zip((outer, inner), losses, strict=True):
        (found,) = compat.own_losses(layer, outer)
        assert found is loss
    # While that is so, `loss_ids` is still needed.
    compat.forget_overriding_losses(outer)
    del losses, loss, found
    assert [len(ids) for ids in known] == [1, 1]


def test_overriding_losses_are_forgotten():
    layer = Holder()
    layer(ops.ones((2, 1)))
    vars(layer)["_losses_override"] = [ops.ones(())]
    assert [float(loss) for loss in layer.losses] == [1.0]
    compat.forget_overriding_losses(layer)
    assert [float(loss) for loss in layer.losses] == [2.0]


def test_forget_overriding_losses_is_still_needed():
    assert not has_public(["losses_override", "clear_losses", "reset_losses"], keras.Layer)


# State.


def test_variables_are_counted_as_state_for_a_while():
    layer = keras.layers.Dense(1)
    layer.build((None, 1))
    own, further = list(layer.variables), keras.Variable(1.0, trainable=False)
    with compat.counted_as_state(layer, [further]):
        # The first that is not trained comes right behind the layer's own weights.
        assert any(variable is further for variable in layer.non_trainable_variables)
        assert len(layer.variables) == len(own) + 1
        assert len(layer.weights) == len(own)
    assert all(a is b for a, b in zip(layer.variables, own, strict=True))


def test_counted_as_state_is_still_needed():
    names = ["add_state", "track_variable", "track_seed_generator", "seed_generators"]
    assert not has_public(names, keras.Layer)


def test_a_variable_without_a_value_is_empty():
    variable = keras.Variable(1.0)
    assert not compat.is_empty(variable)
    compat.share_value(variable, None)
    assert compat.is_empty(variable)


def test_is_empty_is_still_needed():
    assert not has_public(["is_empty", "has_value", "initialized"], keras.Variable)


# Variables.


@on("tensorflow")
def test_a_shared_variable_is_the_same_one():
    variable = tf.Variable([1.0, 2.0])
    wrapper = keras.Variable(variable)
    compat.share_value(wrapper, variable)
    wrapper.assign([3.0, 4.0])
    assert wrapper.value is variable
    np.testing.assert_array_equal(variable, [3.0, 4.0])


def test_share_value_is_still_needed():
    """From Keras 3.10 on, a variable that is made from one of TensorFlow's shares it by itself."""
    oldest = re.search(r'"keras>=(\d+)\.(\d+)', PROJECT.read_text())
    assert tuple(map(int, oldest.groups())) < (3, 10)


# Seeds.


def test_a_generator_without_keras_constructor_has_a_configuration():
    generator = object.__new__(keras.random.SeedGenerator)
    generator.name = "ours"
    compat.keep_config_seed(generator, 5)
    assert {"seed": 5}.items() <= generator.get_config().items()


# Errors.


class RefusedError(ValueError):
    """An error with parts."""

    def __init__(self, argument, rule):
        self.argument = argument
        super().__init__(f"{argument} {rule}")


class Raising(keras.Layer):
    def __init__(self, error):
        super().__init__()
        self.error = error

    def call(self, x):
        raise self.error


def test_an_error_comes_out_of_a_call_as_it_was_raised():
    class UnchangedError(RefusedError):
        pass

    compat.raised_unchanged(UnchangedError)
    for error in (UnchangedError("x", "is bad"), ArgumentError("x", "must be good", {"x": 1})):
        with pytest.raises(type(error)) as caught:
            Raising(error)(ops.ones(()))
        assert caught.value is error


def test_raised_unchanged_is_still_needed():
    error = RefusedError("x", "is bad")
    with pytest.raises(Exception, match="is bad") as caught:
        Raising(error)(ops.ones(()))
    assert caught.value is not error


# TensorFlow and TensorFlow Probability: other frameworks' names are in `test_backend_*.py`.


def dispatched(register):
    """What a cast returns of an object of a new class that says how it is cast."""

    class Castable:
        pass

    kind = register(Castable)

    @tf.experimental.dispatch_for_api(tf.cast, {"x": kind})
    def cast(x, dtype, name=None):
        return "cast"

    return tf.cast(kind(), tf.float32)


@on("tensorflow")
def test_registered_classes_are_dispatched():
    assert dispatched(compat_of_tensorflow.register_for_dispatch) == "cast"


@on("tensorflow")
def test_register_for_dispatch_is_still_needed():
    assert not has_public(["register_dispatchable_type"], tf, tf.experimental)
    with pytest.raises((TypeError, ValueError)):
        dispatched(lambda kind: kind)


@on("tensorflow")
def test_the_tensor_behind_a_distribution_is_made_once():
    made = []

    def draw(distribution):
        made.append(distribution)
        return distribution.sample(seed=1)

    normal = tfp.distributions.Normal(tf.zeros(3), 1.0)
    coercible = compat_of_tensorflow.TensorCoercible(normal, draw)
    first = compat_of_tensorflow.tensor_behind(coercible)
    assert compat_of_tensorflow.tensor_behind(coercible) is first
    assert len(made) == 1
    assert compat_of_tensorflow.is_coercible(coercible)
    assert not compat_of_tensorflow.is_coercible(normal)
    assert coercible.tensor_distribution is normal


@on("tensorflow")
def test_the_coercible_distribution_is_still_needed():
    names = ["TensorCoercible", "DistributionTensorCoercible", "as_tensor_coercible"]
    assert not has_public(names, tfp, tfp.distributions, tfp.util, tfp.experimental)


@on("tensorflow", "jax")
def test_the_bijector_of_padding_is_mended_for_the_present_numpy():
    padded = tfb_pad([[0, 1]]).forward(np.array([1.0], "float32"))
    np.testing.assert_array_equal(ops.convert_to_numpy(padded), [1.0, 0.0])


@on("tensorflow")
def test_mending_the_bijector_of_padding_is_still_needed():
    """TensorFlow Probability calls NumPy by an argument that NumPy 2.4 has dropped."""
    from tensorflow_probability.python.bijectors import pad

    assert "newshape=" in inspect.getsource(pad)
