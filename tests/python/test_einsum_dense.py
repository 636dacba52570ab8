"""Einsum layers: which axes are channels, against NumPy's einsum and Keras's layer."""

import keras
import numpy as np
import pytest
from frameworks import assert_allclose, compiled, numpy_of
from posteriors import fixed_normal
from statistical import assert_fair_signs, assert_normal_moments, assert_uncorrelated, draws

from bayeslayers import (
    ArgumentError,
    as_bayesian,
    as_deterministic,
    layer_einsum_dense_flipout,
    layer_einsum_dense_reparameterization,
)
from bayeslayers.layers import EinsumDenseFlipout, EinsumDenseReparameterization

CALLS = 800
# Equation, shape of one example, sizes of the outputs, shape of the kernel.
CASES = {
    "dense": ("ab,bc->ac", (3,), (4,), (3, 4)),
    "projection": ("abc,cde->abde", (2, 3), (2, 2, 4), (3, 2, 4)),
    "projection back": ("abde,dec->abc", (2, 2, 3), (2, 4), (2, 3, 4)),
    "kernel in another order": ("abde,cde->acb", (2, 2, 3), (4, 2), (4, 2, 3)),
    "position behind the channels": ("acb,cd->adb", (3, 2), (4, 2), (3, 4)),
    "summed positions": ("abc,cd->ad", (2, 3), (4,), (3, 4)),
    "a kernel for each head": ("abhc,hcd->abhd", (2, 3, 2), (2, 3, 4), (3, 2, 4)),
    "a kernel for each of two axes": (
        "agbhc,hgcd->ahdbg",
        (2, 2, 3, 2),
        (3, 2, 2, 2),
        (3, 2, 2, 2),
    ),
    "each channel on its own": ("abc,c->abc", (2, 3), (2, 3), (3,)),
    "nothing contracted": ("ab,c->abc", (3,), (3, 2), (2,)),
    "nothing made": ("abc,c->ab", (2, 3), (2,), (3,)),
    "left": ("...bc,cd->...bd", (2, 3), (2, 4), (3, 4)),
    "right": ("ab...,bc->ac...", (3, 2, 2), (4,), (3, 4)),
}
each_case = pytest.mark.parametrize(
    ("equation", "example", "output_shape", "kernel"), CASES.values(), ids=CASES
)
each_function = pytest.mark.parametrize(
    "function", [layer_einsum_dense_flipout, layer_einsum_dense_reparameterization]
)


def normal(shape, rng):
    return rng.normal(size=shape), rng.uniform(0.2, 1.5, size=shape)


def with_posterior(function, equation, output_shape, loc, scale):
    return function(
        equation=equation, output_shape=output_shape, kernel_posterior_fn=fixed_normal(loc, scale)
    )


@each_function
@each_case
def test_outputs_have_the_mean_and_variance_of_numpys_einsum(
    function, equation, example, output_shape, kernel, rng
):
    loc, scale = normal(kernel, rng)
    inputs = rng.normal(size=(2, *example))
    layer = with_posterior(function, equation, output_shape, loc, scale)
    samples = draws(layer, inputs, CALLS)
    mean = np.einsum(equation, inputs, loc)
    # Where positions are summed, the weight meets the sum.
    by_weight = np.square(np.einsum("abc->ac", inputs)) if equation == "abc,cd->ad" else inputs**2
    squares = "ac,cd->ad" if equation == "abc,cd->ad" else equation
    assert_normal_moments(samples, mean, np.einsum(squares, by_weight, scale**2))


@each_case
def test_keras_layer_has_the_same_outputs_and_shapes(equation, example, output_shape, kernel, rng):
    inputs = rng.normal(size=(3, *example)).astype("float32")
    theirs = keras.layers.EinsumDense(equation, output_shape)
    theirs.build(inputs.shape)
    theirs.set_weights([rng.normal(size=kernel)])
    layer = with_posterior(
        layer_einsum_dense_flipout, equation, output_shape, theirs.get_weights()[0], 1e-7
    )
    assert_allclose(numpy_of(layer(inputs)), numpy_of(theirs(inputs)), rtol=1e-4, atol=1e-5)
    shape = (None, *example)
    assert layer.compute_output_shape(shape) == tuple(theirs.compute_output_shape(shape))
    assert layer.kernel_posterior.event_shape == kernel


@each_case
def test_examples_are_uncorrelated_and_each_has_one_kernel(
    equation, example, output_shape, kernel, rng
):
    """With the same inputs for all examples and at all positions."""
    loc, scale = normal(kernel, rng)
    inputs = np.ones((2, *example))
    layer = with_posterior(layer_einsum_dense_flipout, equation, output_shape, loc, scale)
    added = draws(layer, inputs, CALLS) - np.einsum(equation, inputs, loc)
    assert_fair_signs(added[:, 0] * added[:, 1])
    assert_uncorrelated(added[:, 0], added[:, 1])
    kernels = np.stack([np.einsum(equation, inputs, unit) for unit in units(kernel)])
    # One kernel per example gives all outputs of that example: their equations have a solution.
    for of_example in added[:20].transpose(1, 0, *range(2, added.ndim)):
        flat = kernels[:, 0].reshape(len(kernels), -1).T
        found, *_ = np.linalg.lstsq(flat, of_example.reshape(20, -1).T, rcond=None)
        assert_allclose(flat @ found, of_example.reshape(20, -1).T, atol=1e-4)


def units(shape):
    """Return the kernels that are one in one place, and zero elsewhere."""
    return np.eye(int(np.prod(shape))).reshape(-1, *shape)


def test_weights_along_an_axis_of_all_three_have_independent_signs(rng):
    """The signs of the weights of two examples, seen one by one, agree or not independently."""
    loc, scale = normal((2, 2, 2), rng)
    inputs = np.zeros((2, 4, 2, 2))
    # Each position sees one weight of each output channel.
    for position, (head, channel) in enumerate(np.ndindex(2, 2)):
        inputs[:, position, head, channel] = 1
    layer = with_posterior(layer_einsum_dense_flipout, "abhc,hcd->abhd", (4, 2, 2), loc, scale)
    added = draws(layer, inputs, CALLS) - np.einsum("abhc,hcd->abhd", inputs, loc)
    places = [(p, head, d) for p, (head, _) in enumerate(np.ndindex(2, 2)) for d in (0, 1)]
    agree = np.stack([np.sign(added[:, 0, p, h, d] * added[:, 1, p, h, d]) for p, h, d in places])
    sizes = [np.abs(added[:, e, p, h, d]) for p, h, d in places for e in (0, 1)]
    assert_allclose(sizes[::2], sizes[1::2], rtol=1e-3, atol=1e-4)
    assert_fair_signs(agree.T)
    for first in range(len(agree)):
        for second in range(first):
            assert_fair_signs(agree[first] * agree[second])


def test_a_bias_varies_along_the_axes_that_are_named(rng):
    inputs = rng.normal(size=(2, 4, 3)).astype("float32")
    for equation, sizes, axes, shape in (
        ("abc,cde->abde", (4, 2, 3), "e", (3,)),
        ("abc,cde->abde", (4, 2, 3), "d", (2, 1)),
        ("abc,cde->abde", (4, 2, 3), "bd", (4, 2, 1)),
        ("abc,cde->aebd", (3, None, 2), "e", (3, 1, 1)),
        ("ab...,bd->ad...", 2, "d", (2, 1)),
        ("...c,cd->...d", 2, "d", (2,)),
    ):
        plain = keras.layers.EinsumDense(equation, sizes, bias_axes=axes)
        model = keras.Sequential([keras.Input((4, 3)), plain])
        assert tuple(plain.bias.shape) == shape
        plain.set_weights([rng.normal(size=w.shape) for w in plain.weights])
        ours = as_bayesian(model, moped=True, delta=1e-6)
        assert tuple(ours.layers[0].bias_posterior.event_shape) == shape
        assert_allclose(numpy_of(ours(inputs)), numpy_of(plain(inputs)), rtol=1e-4, atol=1e-4)
        again = as_deterministic(ours).layers[0]
        assert again.get_config()["bias_axes"] == axes
        assert_allclose(numpy_of(again(inputs)), numpy_of(plain(inputs)), rtol=1e-5, atol=1e-5)


# Keras's layer moves the bias there on TensorFlow.
@each_function
@pytest.mark.parametrize("run", [lambda layer: layer, compiled], ids=["called", "compiled"])
@pytest.mark.parametrize(
    ("equation", "sizes", "kernel", "axis"),
    [
        ("abc,cde->abde", (None, 4, 1), (3, 4, 1), "d"),
        ("abc,cde->abde", (None, 2, 2), (3, 2, 2), "d"),
        ("abc,cde->abde", (None, 4, 4), (3, 4, 4), "d"),
        ("abc,cd->abd", (4, 4), (3, 4), "b"),
        ("ab...,bd->ad...", 3, (4, 3), "d"),
        ("abc,cde->aebd", (2, None, 2), (3, 2, 2), "e"),
    ],
)
def test_a_bias_stays_along_its_axis_where_another_has_its_size(
    function, run, equation, sizes, kernel, axis, rng
):
    inputs, kernel = rng.normal(size=(2, 4, 3)).astype("float32"), rng.normal(size=kernel)
    names = equation.split("->")[1].replace("...", "c")
    expected = np.einsum(equation, inputs, kernel)
    # The bias along its axis of the outputs, and of size 1 along those behind.
    bias = rng.normal(size=(expected.shape[names.index(axis)], *(1 for _ in names.split(axis)[1])))
    layer = function(
        equation=equation,
        output_shape=sizes,
        bias_axes=axis,
        kernel_posterior_fn=fixed_normal(kernel, 1e-30),
        bias_posterior_fn=fixed_normal(bias, 1e-30),
    )
    layer.build(inputs.shape)
    assert_allclose(run(layer)(inputs), expected + bias, rtol=1e-5, atol=1e-5)


def test_without_axes_of_the_bias_there_is_none():
    layer = layer_einsum_dense_flipout(equation="ab,bc->ac", output_shape=2)
    layer.build((None, 3))
    assert layer.bias_posterior is None
    assert len(layer.weights) == 2
    plain = as_deterministic(keras.Sequential([keras.Input((3,)), layer])).layers[0]
    assert plain.bias_axes is None
    none = layer_einsum_dense_flipout(
        equation="ab,bc->ac", output_shape=2, bias_axes="c", bias_posterior_fn=None
    )
    plain = as_deterministic(keras.Sequential([keras.Input((3,)), none])).layers[0]
    assert plain.bias_axes is None


def test_sizes_that_do_not_fit_the_inputs_are_refused():
    layer = layer_einsum_dense_flipout(equation="abc,cd->abd", output_shape=(5, 2))
    with pytest.raises(ArgumentError, match="the axis 'b' of both"):
        layer(np.ones((2, 4, 3)))
    layer = layer_einsum_dense_flipout(
        equation="abc,cd->abd", output_shape=(None, 2), bias_axes="bd"
    )
    with pytest.raises(ArgumentError, match="`bias_axes` must name axes of a known size"):
        layer(keras.Input((None, 3)))
    layer = layer_einsum_dense_flipout(equation="...c,cd->...d", output_shape=2)
    with pytest.raises(ArgumentError, match="at least 2 dimensions"):
        layer(np.ones(3))


def test_a_layer_that_cannot_be_ours_stays_and_is_named():
    mixed = keras.layers.EinsumDense("ab,acb->ac", (2,), name="mixed")
    batch = keras.Input(batch_shape=(4, 3))
    model = keras.Model(batch, keras.layers.Dense(1)(mixed(batch)))
    with pytest.warns(UserWarning, match=r"'mixed' \(EinsumDense\): there is no Bayesian layer"):
        ours = as_bayesian(model)
    assert [type(layer).__name__ for layer in ours.layers[1:]] == ["EinsumDense", "DenseFlipout"]


def test_arguments_come_in_the_order_of_keras():
    for kind in (EinsumDenseFlipout, EinsumDenseReparameterization):
        layer = kind("ab,bc->ac", 2, "relu", "c")
        assert layer.activation is keras.activations.relu
        assert layer.get_config()["output_shape"] == (2,)
        assert not hasattr(layer, "output_shape")


@pytest.mark.parametrize("batch", [0, 1, 3])
def test_any_number_of_examples(batch):
    for equation, example, output_shape, _ in CASES.values():
        layer = layer_einsum_dense_flipout(equation=equation, output_shape=output_shape)
        outputs = layer(np.ones((batch, *example), "float32"))
        assert tuple(outputs.shape) == layer.compute_output_shape((batch, *example))
