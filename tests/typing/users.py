"""Calls that users write, and what a type checker has to say of them. Checked, never run.

An ignored error has to be one: mypy warns of a `type: ignore` that nothing needs.
"""

from typing import Any

import keras
import numpy as np
import pandas as pd
from typing_extensions import assert_type

import bayeslayers
from bayeslayers import (
    ArgumentError,
    as_bayesian,
    conversion_report,
    kl_divergence,
    layer_autoregressive,
    layer_autoregressive_transform,
    layer_conv_1d_flipout,
    layer_conv_2d_reparameterization,
    layer_dense_flipout,
    layer_dense_variational,
    layer_distribution_lambda,
    layer_lstm_flipout,
    layer_variable,
    plot_bands,
    posterior_draws,
    predict_draws,
    predictive_summary,
    scale_kl,
    tfd_log_prob,
    tfd_normal,
    tfp,
)
from bayeslayers.layers import (
    FAMILY,
    AutoregressiveNetwork,
    Conv1DFlipout,
    Convolution1DFlipout,
    DenseFlipout,
    DenseVariational,
    LSTMFlipout,
    VariationalLayer,
    trainable_normal_fn,
)

from bayeslayers import no_such_name  # type: ignore[attr-defined]  # isort: skip
from bayeslayers.layers import NoSuchLayer  # type: ignore[attr-defined]  # isort: skip

model = keras.Sequential()
symbolic = keras.KerasTensor((None, 3))
array = np.ones((32, 3), "float32")

assert_type(as_bayesian(model, include=["head", keras.layers.Dense]), keras.Model)
as_bayesian(model, exclude=1)  # type: ignore[arg-type]
assert_type(conversion_report(model), pd.DataFrame)

# Without `object`: the layer, whose arguments are named.
assert_type(layer_dense_flipout(units=4), DenseFlipout)
assert_type(layer_dense_flipout(units=4, activation="relu", seed=1, name="first"), DenseFlipout)
assert_type(layer_dense_flipout(None, 4, "relu"), DenseFlipout)
assert_type(layer_dense_flipout(object=None, units=4), DenseFlipout)
assert_type(layer_conv_1d_flipout(filters=2, kernel_size=3, groups=2), Conv1DFlipout)
assert_type(layer_lstm_flipout(units=4, return_sequences=True), LSTMFlipout)

# With a model, a symbolic tensor, a tensor or several of them.
assert_type(layer_dense_flipout(model, 4), keras.Sequential)
assert_type(layer_dense_flipout(model, units=4, input_shape=(3,)), keras.Sequential)
assert_type(
    layer_conv_2d_reparameterization(object=model, filters=2, kernel_size=(3, 3)), keras.Sequential
)
assert_type(layer_dense_flipout(symbolic, units=4), keras.KerasTensor)
assert_type(layer_dense_flipout(array, units=4), Any)
assert_type(layer_dense_flipout(keras.Variable(array), units=4), Any)
assert_type(layer_dense_flipout(keras.ops.ones((32, 3)), units=4), Any)
assert_type(layer_lstm_flipout(symbolic, 4, return_state=True), Any)

# What is no model and no tensor, and arguments that are misspelt, missing or of another type.
layer_dense_flipout("relu", units=4)  # type: ignore[arg-type]
layer_dense_flipout(4)  # type: ignore[call-overload]
layer_dense_flipout(units="4")  # type: ignore[call-overload]
layer_dense_flipout(model, unit=4)  # type: ignore[call-overload]
layer_dense_flipout(model)  # type: ignore[call-overload]
layer_dense_flipout()  # type: ignore[call-overload]
layer_conv_1d_flipout(model, filters="2", kernel_size=3)  # type: ignore[call-overload]
layer_conv_1d_flipout(model, 2, 3, kernel_prior=None)  # type: ignore[call-overload]
layer_conv_1d_flipout(model, 2, 3, kernel_prior_fn=1)  # type: ignore[call-overload]

# Layers as classes.
layer = DenseFlipout(
    4, kernel_prior_fn=trainable_normal_fn(), bias_posterior_fn=None, dtype="float32"
)
assert_type(layer.units, int)
assert_type(layer.kernel_posterior, Any)
assert_type(layer(symbolic), Any)
assert_type(FAMILY["DenseFlipout"].function_name, str)
layer.bias_posterior.mean()
variational: VariationalLayer = layer
alias: type[Conv1DFlipout] = Convolution1DFlipout
DenseFlipout()  # type: ignore[call-arg]
DenseFlipout("4")  # type: ignore[arg-type]
DenseFlipout(4, kernel_posterior=None)  # type: ignore[call-arg]


# Layers that are not put together.
def make_normal(t: Any) -> Any:
    """Return a normal distribution around the outputs."""
    return tfp.distributions.Normal(t, 1.0)


def make_prior(kernel_size: int, bias_size: int, dtype: Any) -> Any:
    """Return a prior without variables."""
    return lambda t: tfd_normal(keras.ops.zeros(kernel_size + bias_size), 1.0)


assert_type(layer_distribution_lambda(model, make_normal), keras.Sequential)
layer_distribution_lambda(symbolic, make_normal).mean()
joint = layer_dense_variational(units=4, make_posterior_fn=make_prior, make_prior_fn=make_prior)
assert_type(joint, DenseVariational)
assert_type(joint.kl_weight, float | None)
assert_type(layer_variable(model, shape=(2, 3)), keras.Sequential)
made = layer_autoregressive(params=2, hidden_units=[16], activation="relu")
assert_type(made, AutoregressiveNetwork)
assert_type(made.degrees, tuple[np.ndarray, ...])
assert_type(layer_autoregressive_transform(model, made), keras.Sequential)
layer_autoregressive_transform(model, make_normal)  # type: ignore[call-overload]

# Distributions.
distribution = tfd_normal(loc=0.0, scale=1.0)
tfd_log_prob(distribution, array)
tfd_normal(location=0.0, scale=1.0)  # type: ignore[call-arg]
tfd_normal(0.0)  # type: ignore[call-arg]

# Verbs on models.
assert_type(scale_kl(model, num_examples=100), keras.Model)
# An array, or a nest of them where the model has several outputs, which no type can tell.
predict_draws(model, array, draws=10).mean(axis=0)
predict_draws(model, array, draws=10)["mu"].mean(axis=0)
assert_type(posterior_draws(model, seed=1), dict[str, np.ndarray])
summary = predictive_summary(model, array, probs=(0.1, 0.9))
assert_type(summary, pd.DataFrame)
assert_type(kl_divergence(model).total, float)
plot_bands(summary, x=array).set_title("Bands")
predict_draws(model, [array, array])
predict_draws(model, {"a": array, "b": array})
predict_draws(model, (batch for batch in [array, array]))
predict_draws(model, pd.DataFrame({"a": [1.0]}))
predict_draws(model, array, draw=10)  # type: ignore[call-arg]
predict_draws(model, array, draws="10")  # type: ignore[arg-type]
predict_draws(model)  # type: ignore[call-arg]

# A list is as good as a tuple.
layer_conv_1d_flipout(filters=2, kernel_size=[3], strides=[1], input_shape=[24, 3])
predictive_summary(model, array, probs=[0.1, 0.9])
bayeslayers.pruning_curve(model, array, array, metric="mse", shares=[0.0, 0.5])

try:
    bayeslayers.layers.DenseFlipout(units=0)
except ArgumentError as error:
    assert_type(error.argument, str)
assert_type(bayeslayers.__version__, str)
bayeslayers.no_such_name  # type: ignore[attr-defined]
