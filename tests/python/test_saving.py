"""Saving by name alone: a model comes back whole, and a file never runs code of its own."""

import json
import sys
import zipfile

import keras
import numpy as np
import pytest
from frameworks import JIT, assert_array_equal, numpy_of, on
from frameworks import distributions as tfd
from models import conv
from posteriors import trainable_normal
from processes import output_of

from bayeslayers import (
    ArgumentError,
    layer_conv_1d_flipout,
    tfd_kl_divergence,
    tfd_mean,
    tfd_poisson,
    tfd_variance,
)
from bayeslayers.layers import (
    Conv1DFlipout,
    DistributionLambda,
    IndependentNormal,
    KLDivergenceAddLoss,
    default_mean_field_normal_fn,
    default_multivariate_normal_fn,
)

FUNCTION_ARGUMENTS = [
    f"{role}_{what}_fn"
    for role in ("kernel", "bias")
    for what in ("posterior", "posterior_tensor", "prior", "divergence")
]


@keras.saving.register_keras_serializable("tests")
def registered_divergence(q, p, sample):
    return 0.001 * (q.log_prob(sample) - p.log_prob(sample))


@keras.saving.register_keras_serializable("tests")
class ScaledDivergence:
    def __init__(self, factor):
        self.factor = factor

    def __call__(self, q, p, sample):
        return self.factor * tfd_kl_divergence(q, p)

    def get_config(self):
        return {"factor": self.factor}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def model_of(layer):
    return keras.Sequential([keras.Input((10, 3)), layer])


def revived(layer, tmp_path):
    path = tmp_path / "m.keras"
    model_of(layer).save(path)
    return keras.models.load_model(path).layers[0]


FULL = {
    "filters": 6,
    "kernel_size": 2,
    "strides": 2,
    "padding": "SAME",
    "data_format": "channels_first",
    "activation": "tanh",
    "activity_regularizer": keras.regularizers.L1(0.25),
    "trainable": False,
    "kernel_posterior_fn": default_mean_field_normal_fn(
        loc_initializer=keras.initializers.Constant(2.0), loc_regularizer="l2"
    ),
    "kernel_prior_fn": None,
    "bias_posterior_fn": None,
    "seed": 7,
    "name": "series",
    "dtype": "mixed_bfloat16",
    "groups": 2,
}


@pytest.mark.parametrize(
    "arguments", [{"filters": 4, "kernel_size": 3}, FULL], ids=["default", "full"]
)
def test_a_configuration_makes_an_equal_layer(arguments):
    layer = Conv1DFlipout(**arguments)
    config = layer.get_config()
    again = Conv1DFlipout.from_config(config)
    assert again.get_config() == config
    # What JSON does to tuples must not matter.
    assert Conv1DFlipout.from_config(json.loads(json.dumps(config))).get_config() == config
    for name in ("filters", "kernel_size", "padding", "data_format", "trainable", "name", "seed"):
        assert getattr(again, name) == getattr(layer, name)
    for name in FUNCTION_ARGUMENTS:
        assert getattr(again, name) == getattr(layer, name)
    assert again.activation is layer.activation
    assert again.dtype_policy == layer.dtype_policy


def test_a_configuration_says_what_the_caller_said():
    config = Conv1DFlipout(**FULL).get_config()
    assert config["padding"] == "same"
    assert config["activation"] == "tanh"
    assert config["activity_regularizer"]["config"] == {"l1": 0.25}
    assert config["kernel_prior_fn"] is None
    assert (config["seed"], config["groups"], config["trainable"]) == (7, 2, False)


def test_a_new_process_needs_nothing_but_the_import(tmp_path, inputs):
    """Train, save, load with `import bayeslayers` and no `custom_objects`, predict, train on."""
    model = model_of(conv(seed=3))
    model.compile("sgd", "mse", jit_compile=JIT)
    model.fit(inputs, np.ones((4, 8, 4)), verbose=0)
    model.save(tmp_path / "m.keras")
    state = model.layers[0].seed_generator.saved_state().tolist()
    np.save(tmp_path / "inputs.npy", inputs)
    output_of(
        f"""
        import os
        import keras
        import numpy as np
        import bayeslayers

        os.chdir({str(tmp_path)!r})
        inputs = np.load("inputs.npy")
        model = keras.models.load_model("m.keras")
        weights = model.get_weights()
        np.savez("weights.npz", *weights)
        model.layers[0].seed_generator.restore({state})
        np.save("outputs.npy", keras.ops.convert_to_numpy(model(inputs)))
        model.fit(inputs, np.ones((4, 8, 4)), verbose=0)
        assert all(np.any(a != b) for a, b in zip(weights, model.get_weights(), strict=True))
        """,
    )
    weights = np.load(tmp_path / "weights.npz")
    for before, after in zip(model.get_weights(), weights.values(), strict=True):
        assert_array_equal(before, after)
    assert_array_equal(model(inputs), np.load(tmp_path / "outputs.npy"))


def test_weights_alone_can_always_be_saved(tmp_path, inputs):
    models = [model_of(conv(kernel_divergence_fn=lambda q, p, s: 0.0)) for _ in range(2)]
    models[0].save_weights(tmp_path / "m.weights.h5")
    models[1].load_weights(tmp_path / "m.weights.h5")
    for before, after in zip(*[model.get_weights() for model in models], strict=True):
        assert_array_equal(before, after)


@pytest.mark.parametrize(
    "divergence", [registered_divergence, ScaledDivergence(0.5)], ids=["function", "object"]
)
def test_what_is_registered_is_found_again(divergence, tmp_path):
    again = revived(conv(kernel_divergence_fn=divergence), tmp_path).kernel_divergence_fn
    assert type(again) is type(divergence)
    assert getattr(again, "factor", None) == getattr(divergence, "factor", None)


def test_functions_of_distributions_are_found_again(tmp_path):
    points = KLDivergenceAddLoss(tfd.Normal(0.0, 1.0), test_points_fn=tfd_mean)
    model = keras.Sequential([keras.Input((2,)), IndependentNormal(1), points])
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    # A mean of 2 and a scale of softplus(0): log q - log p, each at the mean.
    loaded(np.array([[2.0, 0.0]], "float32"))
    scale = np.log(2.0)
    np.testing.assert_allclose(numpy_of(sum(loaded.losses)), -np.log(scale) + 2.0, rtol=1e-5)


@on("tensorflow", "jax")
def test_constructors_of_distributions_are_found_again(tmp_path):
    layer = DistributionLambda(tfd_poisson, convert_to_tensor_fn=tfd_variance)
    keras.Sequential([keras.Input((1,)), layer]).save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    rate = np.array([[3.0], [5.0]], "float32")
    assert_array_equal(numpy_of(keras.ops.convert_to_tensor(loaded(rate))), rate)


def test_keras_activations_are_found_again_by_their_function(tmp_path):
    layer = revived(conv(activation=keras.activations.gelu), tmp_path)
    assert layer.activation is keras.activations.gelu


def test_a_model_with_a_lambda_is_refused_whole(tmp_path):
    model = model_of(conv(kernel_divergence_fn=lambda q, p, s: 0.0))
    with pytest.raises(ArgumentError) as caught:
        model.save(tmp_path / "m.keras")
    assert caught.value.argument == "kernel_divergence_fn"


def planted(**values):
    entry = {"module": "planted", "class_name": "Planted", "config": {}, "registered_name": None}
    return {**entry, **values}


@pytest.mark.parametrize(
    "entry",
    [
        planted(class_name="function", config="relu"),
        planted(class_name="MeanFieldNormal", registered_name="bayeslayers>MeanFieldNormal"),
    ],
    ids=["name of an activation", "name of a maker"],
)
def test_a_known_name_does_not_open_the_door_to_another_module(entry, tmp_path, monkeypatch):
    (tmp_path / "planted.py").write_text("def relu(x): return x\nclass MeanFieldNormal: pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    try:
        layer = Conv1DFlipout.from_config({**conv().get_config(), "kernel_posterior_fn": entry})
    except ArgumentError:
        pass
    else:
        assert layer.kernel_posterior_fn == default_mean_field_normal_fn()
    assert "planted" not in sys.modules


def test_a_tampered_file_is_refused_when_it_is_loaded(tmp_path):
    path, tampered = tmp_path / "m.keras", tmp_path / "tampered.keras"
    model_of(conv()).save(path)
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(tampered, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            if name == "config.json":
                config = json.loads(data)
                config["config"]["layers"][1]["config"]["kernel_prior_fn"] = planted(
                    class_name="function", config="system", module="os"
                )
                data = json.dumps(config)
            target.writestr(name, data)
    with pytest.raises(ArgumentError, match="must name a registered function") as caught:
        keras.models.load_model(tampered)
    assert caught.value.argument == "kernel_prior_fn"
    assert caught.value.received == {"kernel_prior_fn": "'system'"}


def test_an_unregistered_function_is_only_refused_when_saving(inputs):
    # `clone_model` and saving go through the configuration; calling and training do not.
    layer = conv(
        kernel_posterior_fn=trainable_normal, kernel_prior_fn=default_multivariate_normal_fn
    )
    assert np.all(np.isfinite(numpy_of(layer(inputs))))


@pytest.mark.parametrize("name", ["relu", "softplus", "tanh"])
def test_an_operation_of_keras_is_saved_as_the_activation_of_its_name(name, tmp_path):
    operation = getattr(keras.ops, name)
    ours = layer_conv_1d_flipout(filters=2, kernel_size=3, activation=operation).get_config()
    assert (
        ours["activation"] == keras.layers.Dense(2, activation=operation).get_config()["activation"]
    )
    model = layer_conv_1d_flipout(
        keras.Sequential([keras.Input((6, 6))]), 2, 3, activation=operation, seed=1
    )
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    x = np.sin(np.arange(72.0)).reshape(2, 6, 6)
    assert_array_equal(loaded(x), model(x))
