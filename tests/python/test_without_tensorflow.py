"""Users of JAX or PyTorch install no TensorFlow: nothing asks for it, nor for tf-keras."""

import os
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest
from processes import environment_with, output_of, without

FOREIGN = {
    "jax": ("tensorflow", "tf_keras", "torch"),
    "torch": ("tensorflow", "tf_keras", "tensorflow_probability", "jax"),
}
"""What no user of a backend has to install, by the backend."""

USE = """
import keras
import numpy as np

import bayeslayers as bl

rng = np.random.default_rng(1)
x = rng.normal(size=(16, 6, 2)).astype("float32")
y = rng.normal(size=(16, 1)).astype("float32")


def distribution(t):
    scale = 1e-3 + keras.ops.softplus(t[..., 1:])
    if keras.backend.backend() == "torch":
        import torch

        return torch.distributions.Normal(t[..., :1], scale)
    return bl.tfd_normal(t[..., :1], scale)


def make(head):
    model = keras.Sequential([keras.Input((6, 2))])
    model = bl.layer_conv_1d_flipout(model, 4, 3, activation="relu", seed=1)
    model.add(keras.layers.Flatten())
    model = bl.layer_dense_reparameterization(model, 2, seed=2)
    return bl.scale_kl(head(model), num_examples=16)


# The family, its files, and the verbs on distributions.
model = make(lambda model: model)
model.compile("adam", "mse")
model.fit(x, y, verbose=0, callbacks=[bl.callback_kl_history()])
draws = bl.predict_draws(model, x, draws=3, seed=1)
model.save("m.keras")
again = keras.models.load_model("m.keras", compile=False)
np.testing.assert_allclose(bl.predict_draws(again, x, draws=3, seed=1), draws, rtol=1e-5, atol=1e-6)
posterior, prior = model.layers[0].kernel_posterior, model.layers[0].kernel_prior
divergence = keras.ops.convert_to_numpy(bl.tfd_kl_divergence(posterior, prior))
expected = bl.kl_divergence(model).table["divergence"].iloc[0]
np.testing.assert_allclose(divergence, expected, rtol=1e-5)
density = bl.tfd_log_prob(posterior, bl.tfd_mean(posterior))
assert np.isfinite(keras.ops.convert_to_numpy(density))

# A model that ends in a distribution.
model = make(lambda model: bl.layer_distribution_lambda(model, distribution))
model.compile("adam", lambda y, rv: -bl.tfd_log_prob(rv, y))
model.fit(x, y, verbose=0)
assert np.isfinite(bl.predictive_scores(model, x, y, draws=3)["log_score"]).all()
assert np.isfinite(keras.ops.convert_to_numpy(bl.tfd_mean(model(x)))).all()
"""


@pytest.mark.parametrize("backend", FOREIGN)
def test_a_backend_is_enough(backend, tmp_path, monkeypatch):
    if find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    monkeypatch.chdir(tmp_path)
    # Keras looks for TensorFlow when it saves, and for JAX: both are kept from it, too.
    output_of(without(*FOREIGN[backend]) + USE, KERAS_BACKEND=backend)


def test_jax_alone_is_enough(tmp_path):
    """In an environment that holds what the extra `jax` asks for, and no more."""
    python = Path(os.environ.get("BAYESLAYERS_JAX_PYTHON", ".venv-jax/bin/python")).absolute()
    if not python.exists():
        pytest.skip("set up an environment of JAX alone by tools/setup-jax.sh")
    code = f"""{USE}
from importlib.util import find_spec

print([name for name in {FOREIGN["jax"]} if find_spec(name) is not None])
"""
    process = subprocess.run(
        [python, "-c", code],
        env=environment_with(KERAS_BACKEND="jax"),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert process.returncode == 0, process.stderr[-3000:]
    assert process.stdout.splitlines()[-1] == "[]"
