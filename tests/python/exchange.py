"""What a backend writes into files, and what it finds in those of another one.

In a process of its own for each: `python exchange.py write FOLDER`, and `read` for such folders.
Reports are arrays by name: what must be the same wherever a file is read.
"""

import sys
from pathlib import Path

import keras
import numpy as np
from frameworks import BACKEND, numpy_of, total_of
from frameworks import distributions as tfd
from keras import ops
from posteriors import fixed_normal

import bayeslayers
from bayeslayers import as_bayesian, as_deterministic, kl_divergence, layers, scale_kl
from bayeslayers.backend import SeedStream

REGISTERED = keras.saving.register_keras_serializable("exchange")
N = 40


@REGISTERED
def posterior(dtype, shape, name, trainable, add_variable_fn):
    """Return a posterior of a caller's: its scale is computed from a variable on the spot."""

    def variable(part, initializer):
        return add_variable_fn(
            name=f"{name}_{part}",
            shape=shape,
            initializer=initializer,
            dtype=dtype,
            trainable=trainable,
        )

    loc, rho = variable("mu", "glorot_normal"), variable("rho", "zeros")
    return tfd.Independent(tfd.Normal(loc, ops.softplus(rho)), len(shape))


@REGISTERED
def prior(dtype, shape, name, trainable, add_variable_fn):
    """Return a prior of a caller's."""
    return fixed_normal(0.5, 2.0)(dtype, shape, name, trainable, add_variable_fn)


@REGISTERED
def divergence(q, p, sample):
    """Return a divergence that a caller has scaled."""
    return bayeslayers.tfd_kl_divergence(q, p) / 7.0


@REGISTERED
def normal_of_halves(t):
    loc, rho = ops.split(t, 2, axis=-1)
    return tfd.Independent(tfd.Normal(loc, 1e-5 + ops.softplus(rho)), 1)


@REGISTERED
def joint_posterior(kernel_size, bias_size, dtype):
    del dtype
    parameters = layers.VariableLayer(2 * (kernel_size + bias_size), initializer="random_normal")
    return keras.Sequential([parameters, layers.DistributionLambda(normal_of_halves)])


@REGISTERED
def joint_prior(kernel_size, bias_size, dtype):
    size = (kernel_size + bias_size,)
    loc, scale = ops.zeros(size, dtype), ops.ones(size, dtype)
    return lambda inputs: tfd.Independent(tfd.Normal(loc, scale), 1)


def _series(*parts):
    return keras.Sequential([keras.Input((6, 3)), *parts])


def _attention():
    """Return a model with random attention of both kinds, and an einsum layer between them."""
    inputs = keras.Input((6, 3))
    values = layers.MultiHeadAttentionFlipout(num_heads=2, key_dim=3)(inputs, inputs)
    values = layers.EinsumDenseReparameterization("abc,cd->abd", output_shape=(None, 4))(values)
    attention = layers.GroupQueryAttentionReparameterization(
        head_dim=2, num_query_heads=4, num_key_value_heads=2
    )
    return keras.Model(inputs, attention(values, values))


def _adapted():
    """Return a network of Keras's with random updates of low rank."""
    inputs = keras.Input((6, 3))
    values = keras.layers.MultiHeadAttention(num_heads=2, key_dim=3)(inputs, inputs)
    values = keras.layers.Conv1D(4, 2, activation="relu")(values)
    plain = keras.Model(inputs, keras.layers.Dense(2)(values))
    return as_bayesian(plain, estimator="lora", rank=2, lora_alpha=3.0)


def _words(*parts):
    return keras.Sequential([keras.Input((6,), dtype="int32"), *parts])


def _functions(**further):
    return {
        "kernel_posterior_fn": posterior,
        "kernel_prior_fn": prior,
        "kernel_divergence_fn": divergence,
        **further,
    }


RANDOM_BIAS = {
    "bias_posterior_fn": layers.default_mean_field_normal_fn(),
    "bias_prior_fn": layers.default_multivariate_normal_fn,
}

MODELS = {
    "convolution": lambda: _series(
        layers.Conv1DFlipout(4, 3, padding="causal", activation="relu", **RANDOM_BIAS),
        layers.Conv1DTransposeReparameterization(3, 2, strides=2),
        layers.DepthwiseConv1DFlipout(2, depth_multiplier=2),
        layers.SeparableConv1DReparameterization(2, 2),
        layers.Conv1DLocalReparameterization(2, 2, seed=3),
    ),
    "recurrent": lambda: _series(
        keras.layers.Bidirectional(layers.LSTMFlipout(3, return_sequences=True)),
        layers.GRUReparameterization(2, dropout=0.1),
    ),
    "words": lambda: _words(
        layers.EmbeddingReparameterization(5, 3),
        keras.layers.Flatten(),
        layers.DenseLocalReparameterization(2, activation="tanh"),
    ),
    "functions": lambda: _series(
        layers.DenseReparameterization(4, **_functions(**RANDOM_BIAS)),
        layers.DenseFlipout(2, kernel_prior_fn=layers.util.trainable_normal_fn()),
    ),
    "joint": lambda: _series(
        layers.DenseVariational(4, joint_posterior, joint_prior, 0.1, kl_use_exact=True),
        layers.DistributionLambda(normal_of_halves),
    ),
    "nested": lambda: _series(
        keras.Sequential([layers.DenseFlipout(3), keras.layers.BatchNormalization()]),
        keras.layers.Dropout(0.5, seed=1),
        layers.DenseFlipout(2, dtype="mixed_bfloat16"),
    ),
    "attention": _attention,
    "rank1": lambda: _series(
        layers.Conv1DRank1(4, 3, ensemble_size=2, activation="relu"),
        layers.GRURank1(3, ensemble_size=2, return_sequences=True),
        layers.DenseRank1(2, ensemble_size=2, gamma_posterior_fn="deterministic", **RANDOM_BIAS),
    ),
    "adapted": _adapted,
}
"""Models of the family: every geometry, estimator, and kind of argument in a file."""


def inputs_of(model):
    """Return inputs that are the same on all backends."""
    rng = np.random.default_rng(5)
    if keras.backend.is_int_dtype(model.inputs[0].dtype):
        return rng.integers(0, 5, (4, *model.input_shape[1:])).astype("int32")
    return rng.normal(size=(4, *model.input_shape[1:])).astype("float32")


def report(model):
    """Return what has to be the same on every backend, by names, as arrays."""
    kl = kl_divergence(model, seed=1)
    found = {"total": kl.total, "loss": kl.loss, "scale": kl.table["scale"].to_numpy()}
    for place, weight in enumerate(model.get_weights()):
        found[f"weight {place}"] = weight
    for when in ("now", "later"):
        streams = [
            layer.seed_generator.saved_state()
            for layer in model._flatten_layers()
            if isinstance(getattr(layer, "seed_generator", None), SeedStream)
        ]
        found[f"streams {when}"] = np.array(streams)
        # Drawn: a distribution takes its seed when a tensor is first asked for.
        numpy_of(model(inputs_of(model)))
    found["added"] = numpy_of(total_of(model.losses))
    found["mean"] = _mean(model)
    return found


def _mean(model):
    """Return the outputs under the means of all weights."""
    outputs = as_deterministic(model)(inputs_of(model))
    if hasattr(outputs, "log_prob"):
        outputs = bayeslayers.tfd_mean(outputs)
    return numpy_of(ops.cast(outputs, "float32"))


def negative_log_likelihood(y, rv):
    return -bayeslayers.tfd_log_prob(rv, y)


def write(folder):
    """Write the files of each model, and a report of what it is."""
    for name, make in MODELS.items():
        model = scale_kl(make(), N)
        # Its streams are somewhere in the middle, and so is its training.
        model.compile("sgd", negative_log_likelihood if name == "joint" else "mse")
        targets = np.zeros((4, *model.output_shape[1:]), "float32")
        model.fit(inputs_of(model), targets, verbose=0)
        model.save(folder / f"{name}.keras")
        model.save_weights(folder / f"{name}.weights.h5")
        np.savez(folder / f"{name}.npz", **report(model))


def read(*folders):
    """Report what is in the files of each backend."""
    for writer in folders:
        for name, make in MODELS.items():
            fresh = make()
            # A model compiled on PyTorch is compiled by Keras for no other backend.
            loaded = keras.models.load_model(writer / f"{name}.keras", compile=False)
            fresh.load_weights(writer / f"{name}.weights.h5")
            for kind, model in (("keras", loaded), ("weights", fresh)):
                found = report(model)
                np.savez(writer / f"{name}-{kind}-{BACKEND}.npz", **found)


if __name__ == "__main__":
    {"write": write, "read": read}[sys.argv[1]](*map(Path, sys.argv[2:]))
