"""R functions take the place of Python functions, and give the same numbers."""

import keras
import numpy as np
import pytest
from languages import example_inputs

import bayeslayers
from bayeslayers import tfp


def _normal_posterior(dtype, shape, name, trainable, add_variable_fn):
    loc = add_variable_fn(
        name=f"{name}_loc",
        shape=shape,
        dtype=dtype,
        initializer="glorot_uniform",
        trainable=trainable,
    )
    tfd = tfp.distributions
    return tfd.Independent(tfd.Normal(loc, 0.25), len(shape))


_NORMAL_POSTERIOR_IN_R = """
    function(dtype, shape, name, trainable, add_variable_fn) {
      loc <- add_variable_fn(
        name = paste0(name, "_loc"), shape = shape, dtype = dtype,
        initializer = "glorot_uniform", trainable = trainable
      )
      tfd <- tfp$distributions
      tfd$Independent(tfd$Normal(loc, 0.25), length(shape))
    }
"""


def _wide_prior(dtype, shape, name, trainable, add_variable_fn):
    tfd = tfp.distributions
    return tfd.Independent(tfd.Normal(np.zeros(shape, "float32"), 2.0), len(shape))


_WIDE_PRIOR_IN_R = """
    function(dtype, shape, name, trainable, add_variable_fn) {
      tfd <- tfp$distributions
      zeros <- keras$ops$zeros(shape)
      tfd$Independent(tfd$Normal(zeros, 2), length(shape))
    }
"""

_MONTE_CARLO = "function(q, p, sample) tfd_log_prob(q, sample) - tfd_log_prob(p, sample)"

CASES = {
    "kernel_posterior_fn": [("kernel_posterior_fn", _normal_posterior, _NORMAL_POSTERIOR_IN_R)],
    "kernel_posterior_tensor_fn": [
        ("kernel_posterior_tensor_fn", lambda d: d.sample() * 2, "function(d) tfd_sample(d) * 2")
    ],
    "kernel_prior_fn": [("kernel_prior_fn", _wide_prior, _WIDE_PRIOR_IN_R)],
    "kernel_divergence_fn": [
        (
            "kernel_divergence_fn",
            lambda q, p, sample: q.log_prob(sample) - p.log_prob(sample),
            _MONTE_CARLO,
        )
    ],
    "kernel_divergence_fn that returns a number": [
        ("kernel_divergence_fn", lambda q, p, sample: 3.5, "function(a, b, c) 3.5")
    ],
    "bias functions": [
        ("bias_posterior_fn", _normal_posterior, _NORMAL_POSTERIOR_IN_R),
        ("bias_posterior_tensor_fn", lambda d: d.mean(), "function(d) d$mean()"),
        ("bias_prior_fn", _wide_prior, _WIDE_PRIOR_IN_R),
        (
            "bias_divergence_fn",
            lambda q, p, sample: q.kl_divergence(p) / 10,
            "function(q, p, ignore) tfd_kl_divergence(q, p) / 10",
        ),
    ],
    "activation": [("activation", lambda x: x * x, "function(x) x * x")],
    "activity_regularizer": [
        (
            "activity_regularizer",
            lambda x: keras.ops.sum(keras.ops.abs(x)),
            "function(x) keras$ops$sum(keras$ops$abs(x))",
        )
    ],
}


def _layers(r, replaced):
    in_python = bayeslayers.layer_conv_1d_flipout(
        filters=4, kernel_size=3, seed=7, **{name: function for name, function, _ in replaced}
    )
    spelt = ", ".join(f"{name} = {code}" for name, _, code in replaced)
    code = f"layer_conv_1d_flipout(filters = 4, kernel_size = 3, seed = 7, {spelt})"
    return in_python, r.python_object(code)


@pytest.mark.parametrize("case", CASES)
def test_an_r_function_gives_the_numbers_of_the_python_function(r, case):
    results = []
    for layer in _layers(r, CASES[case]):
        outputs = keras.ops.convert_to_numpy(layer(example_inputs()))
        results.append((outputs, [float(loss) for loss in layer.losses]))
    (outputs, losses), (outputs_r, losses_r) = results
    assert np.array_equal(outputs, outputs_r)
    assert losses == losses_r


@pytest.mark.parametrize("case", CASES)
def test_an_r_function_trains_inside_fit(r, case):
    weights = []
    for layer in _layers(r, CASES[case]):
        model = keras.Sequential([keras.Input((6, 6)), layer])
        model.compile("sgd", "mse")
        model.fit(example_inputs(), np.ones((2, 4, 4)), epochs=2, shuffle=False, verbose=0)
        weights.append(model.get_weights())
    for from_python, from_r in zip(*weights, strict=True):
        assert np.array_equal(from_python, from_r)


@pytest.mark.parametrize("case", CASES)
def test_a_model_with_an_r_function_refuses_to_be_saved_whole(r, case, tmp_path):
    _, layer = _layers(r, CASES[case])
    model = keras.Sequential([keras.Input((6, 6)), layer])
    with pytest.raises(bayeslayers.ArgumentError, match="an R function") as caught:
        model.save(tmp_path / "model.keras")
    assert caught.value.argument == CASES[case][0][0]
    assert "save_weights()" in str(caught.value)


def test_its_weights_can_be_saved(r, tmp_path):
    replaced = CASES["kernel_divergence_fn"]
    saved, restored = (
        keras.Sequential([keras.Input((6, 6)), _layers(r, replaced)[1]]) for _ in range(2)
    )
    saved.set_weights([weight + 1 for weight in saved.get_weights()])
    saved.save_weights(tmp_path / "model.weights.h5")
    restored.load_weights(tmp_path / "model.weights.h5")
    for one, other in zip(saved.get_weights(), restored.get_weights(), strict=True):
        assert np.array_equal(one, other)


def test_a_posterior_that_is_not_normal_is_refused_in_both_languages(r):
    function = """function(dtype, shape, name, trainable, add_variable_fn) {
        tfd <- tfp$distributions
        tfd$Independent(tfd$Laplace(keras$ops$zeros(shape), 1), length(shape))
    }"""
    inputs = "aperm(array(0, c(6, 6, 2)))"
    in_r = r.json(f"""
        condition <- tryCatch(
          layer_conv_1d_flipout({inputs}, 4, 3, kernel_posterior_fn = {function}),
          bayeslayers_argument_error = identity
        )
        c(list(message = conditionMessage(condition)), unclass(condition)[c("argument", "rule")])
    """)

    def laplace(dtype, shape, name, trainable, add_variable_fn):
        tfd = tfp.distributions
        return tfd.Independent(tfd.Laplace(np.zeros(shape, "float32"), 1.0), len(shape))

    with pytest.raises(bayeslayers.ArgumentError) as caught:
        bayeslayers.layer_conv_1d_flipout(example_inputs(), 4, 3, kernel_posterior_fn=laplace)
    assert in_r["argument"] == caught.value.argument == "kernel_posterior_fn"
    assert in_r["rule"] == caught.value.rule
    assert "Independent(Laplace)" in in_r["message"]
    assert "Independent(Laplace)" in str(caught.value)


def test_an_unsupplied_default_stays_in_python(r):
    layer = r.python_object("layer_conv_1d_flipout(filters = 4, kernel_size = 3)")
    defaults = bayeslayers.distributions.defaults
    assert layer.kernel_posterior_tensor_fn is defaults.sample_posterior
    assert layer.kernel_divergence_fn is defaults.exact_divergence
