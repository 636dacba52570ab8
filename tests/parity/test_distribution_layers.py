"""Variables, distributions and joint posteriors made by R functions, as those made by Python's."""

import keras
import numpy as np
import pytest

from bayeslayers import layers

_POSTERIOR = """
    function(kernel_size, bias_size, dtype) {
      n <- kernel_size + bias_size
      make <- function(t) {
        t <- keras$ops$split(t, 2L)
        tfp$distributions$Independent(
          tfp$distributions$Normal(t[[1]], keras$ops$softplus(t[[2]]) + 1e-5), 1L
        )
      }
      keras$Sequential() |> layer_variable(2 * n) |> layer_distribution_lambda(make)
    }
"""
_FUNCTION = """
    function(kernel_size, bias_size, dtype) {
      loc <- keras$Variable(keras$ops$zeros(kernel_size + bias_size))
      function(x) {
        tfp$distributions$Independent(tfp$distributions$Normal(keras$ops$multiply(loc, 1), 1), 1L)
      }
    }
"""


def test_a_variable_takes_r_numbers(r):
    layer = r.python_object('layer_variable(shape = c(2, 3), initializer = "ones")')
    assert isinstance(layer, layers.VariableLayer)
    np.testing.assert_array_equal(layer(np.zeros((1, 1))), np.ones((2, 3)))


@pytest.mark.parametrize("jit_compile", [False, True])
def test_an_r_loss_receives_the_distribution(r, jit_compile):
    model = r.python_object(f"""
        make <- function(t) tfp$distributions$Independent(tfp$distributions$Normal(t, 1), 1L)
        model <- keras$Sequential(list(keras$Input(list(1L)))) |>
          layer_variable(2) |>
          layer_distribution_lambda(make, tfp$distributions$Distribution$mean)
        model$compile(
          keras$optimizers$SGD(1), loss = function(y, rv) -tfd_log_prob(rv, y),
          jit_compile = {str(jit_compile).upper()}
        )
        model
    """)
    targets = np.arange(12, dtype="float32").reshape(6, 2)
    model.fit(np.zeros((6, 1)), targets, batch_size=6, verbose=0)
    # A step of length one goes to the mean, where the likelihood is largest.
    np.testing.assert_allclose(model(np.zeros((6, 1))).mean(), targets.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(
        model.predict(np.zeros((6, 1)), verbose=0), targets.mean(axis=0), rtol=1e-5
    )


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("posterior", [_POSTERIOR, _FUNCTION], ids=["model", "function"])
def test_an_r_posterior_trains(r, posterior, jit_compile):
    layer = r.python_object(f"""
        prior <- function(kernel_size, bias_size, dtype) {{
          zeros <- keras$ops$zeros(kernel_size + bias_size)
          function(x) tfp$distributions$Independent(tfp$distributions$Normal(zeros, 1), 1L)
        }}
        layer_dense_variational(
          units = 2, make_posterior_fn = {posterior}, make_prior_fn = prior,
          kl_weight = 0.01, kl_use_exact = TRUE
        )
    """)
    model = keras.Sequential([keras.Input((3,)), layer])
    before = layer.trainable_variables[0].numpy()
    model.compile("adam", "mse", jit_compile=jit_compile)
    model.fit(np.ones((8, 3)), np.ones((8, 2)), verbose=0)
    assert len(layer.trainable_variables) == 1
    assert np.any(before != layer.trainable_variables[0].numpy())
