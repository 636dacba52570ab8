"""Files of every layer: what is in them comes back, is served, or is refused with its reason."""

import contextlib
import functools
import json
import subprocess
import sys

import h5py
import keras
import numpy as np
import pytest
from family import ROWS, every, is_representative
from frameworks import assert_allclose, assert_array_equal, moment, numpy_of, on
from keras_contract import unsafe_deserialization
from oracles import parameters
from statistical import assert_normal_moments

import bayeslayers
from bayeslayers import ArgumentError, layer_conv_1d_flipout, layer_dense_flipout, scale_kl
from bayeslayers.layers import FAMILY, default_mean_field_normal_fn

HARDLY_RANDOM = default_mean_field_normal_fn(
    untransformed_scale_initializer=keras.initializers.Constant(-50.0)
)


def served(model, path, inputs, calls):
    import tensorflow as tf

    model.export(path, verbose=False)
    loaded = tf.saved_model.load(path)
    return [numpy_of(loaded.serve(inputs)) for _ in range(calls)]


@on("tensorflow")
@every(soon=is_representative)
def test_an_exported_model_serves_what_the_model_gives(row, rng, tmp_path):
    inputs = row.geometry.inputs(rng)
    posteriors = {f"{role}_posterior_fn": HARDLY_RANDOM for role in row.roles}
    model = row.model(**posteriors)
    (outputs,) = served(model, tmp_path / "m", inputs, 1)
    assert_allclose(outputs, model(inputs), rtol=1e-4, atol=1e-5)


@on("tensorflow")
@every(soon=is_representative)
def test_an_exported_model_draws_anew_at_every_call(row, rng, tmp_path):
    first, second = served(row.model(), tmp_path / "m", row.geometry.inputs(rng), 2)
    assert np.all(first != second)


@pytest.mark.essential
@on("tensorflow")
def test_it_is_served_where_there_is_only_tensorflow(tmp_path):
    """With a kernel so large that its draws are compiled; mean and variance are the posterior's."""
    model = layer_dense_flipout(keras.Sequential([keras.Input((300,))]), 300)
    inputs = np.zeros((1, 300), "float32")
    inputs[0, 7] = 2.0
    model.export(tmp_path / "m", verbose=False)
    np.save(tmp_path / "x.npy", inputs)
    code = """
import sys

import numpy as np
import tensorflow as tf

model = tf.saved_model.load("m")
np.save("y.npy", np.concatenate([model.serve(np.load("x.npy")).numpy() for _ in range(500)]))
assert "bayeslayers" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True)
    loc, scale = parameters(model.layers[0].kernel_posterior)
    draws = np.load(tmp_path / "y.npy") - moment(model.layers[0].bias_posterior, "mean")
    assert_normal_moments(draws, 2.0 * loc[7], 4.0 * scale[7] ** 2)


@every(soon=is_representative)
def test_weights_alone_bring_scale_and_stream_along(row, rng, tmp_path):
    inputs = row.geometry.inputs(rng)
    model, other = scale_kl(row.model(), 50), row.model()
    model(inputs)
    model.save_weights(tmp_path / "m.weights.h5")
    other.load_weights(tmp_path / "m.weights.h5")
    assert_array_equal(model(inputs), other(inputs))
    assert_array_equal(model.losses, other.losses)


def conv_model():
    return layer_conv_1d_flipout(keras.Sequential([keras.Input((6, 2))]), 2, 3, name="conv")


def tampered(tmp_path, name, value):
    """Return a file of weights with another entry, or without it."""
    path = tmp_path / "m.weights.h5"
    conv_model().save_weights(path)
    with h5py.File(path, "a") as file:
        (layer,) = file["layers"].values()
        del layer["vars"][name]
        if value is not None:
            layer["vars"][name] = value
    return path


SCALE, STREAM = "divergence_scale", "seed_generator_state"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[(SCALE, value) for value in (None, np.nan, np.inf, -1.0, "a", np.ones(2))],
        *[(STREAM, value) for value in (None, "a", np.ones(2, int), [-1, 0, 3], [0.5, 1.0, 2.0])],
    ],
)
def test_weights_that_were_tampered_with_are_refused(name, value, tmp_path):
    # Keras collects what its layers raise, and quotes it.
    with pytest.raises(ValueError, match=f"`{name}` must be") as caught:
        conv_model().load_weights(tampered(tmp_path, name, value))
    assert "'conv'" in str(caught.value) or "whole numbers" in str(caught.value)


@pytest.mark.parametrize("value", [None, np.ones((2, 2))])
def test_weights_that_are_missing_or_of_another_shape_are_refused(value, tmp_path):
    with pytest.raises(ValueError, match=r"could not be loaded[\s\S]*(conv|shape)"):
        conv_model().load_weights(tampered(tmp_path, "0", value))


def entries(path):
    """Return where the numbers are in a file of weights."""
    found = []
    with h5py.File(path) as file:
        file.visititems(
            lambda name, node: found.append(name) if isinstance(node, h5py.Dataset) else None
        )
    return found


# Files of version 0.1.0 do not have it; `test_released.py` looks at what is made of them.
IN_LATER_FILES_ALONE = "unit_forget_bias_included"


@every(soon=is_representative)
def test_no_entry_of_any_layer_may_be_missing_or_of_another_shape(row, tmp_path):
    model = row.model()
    whole, path = tmp_path / "whole.weights.h5", tmp_path / "m.weights.h5"
    model.save_weights(whole)
    assert len(entries(whole)) > len(model.trainable_variables)
    for entry in entries(whole):
        may_be_missing = entry.endswith(IN_LATER_FILES_ALONE)
        for value in (np.ones((2, 1, 2)), *([] if may_be_missing else [None])):
            path.write_bytes(whole.read_bytes())
            with h5py.File(path, "a") as file:
                del file[entry]
                if value is not None:
                    file[entry] = value
            with pytest.raises(ValueError, match=r"could not be loaded|must be"):
                row.model().load_weights(path)


@pytest.mark.parametrize("part", [0.1, 0.5, 0.95])
def test_truncated_files_are_refused(part, tmp_path):
    model = conv_model()
    model.save(tmp_path / "whole.keras")
    model.save_weights(tmp_path / "whole.weights.h5")
    for kind, load, says in (
        ("keras", keras.models.load_model, "accessible `.keras` zip file"),
        ("weights.h5", model.load_weights, "truncated file"),
    ):
        content = (tmp_path / f"whole.{kind}").read_bytes()
        (tmp_path / f"part.{kind}").write_bytes(content[: int(part * len(content))])
        with pytest.raises((ValueError, OSError), match=says):
            load(tmp_path / f"part.{kind}")


@pytest.mark.parametrize("value", ["a", -1.0, float("nan"), [1.0], None])
def test_a_configuration_with_a_bad_scale_is_refused(value):
    layer = conv_model().layers[0]
    with pytest.raises(ArgumentError, match="`divergence_scale` must be"):
        type(layer).from_config({**layer.get_config(), SCALE: value})


def normal_of(t):
    return bayeslayers.tfd_normal(t, 1.0)


OTHERS = {
    "VariableLayer": {"shape": (2,)},
    "DistributionLambda": {"make_distribution_fn": normal_of},
    "DenseVariational": {
        "units": 1,
        "make_posterior_fn": normal_of,
        "make_prior_fn": normal_of,
    },
    "AutoregressiveNetwork": {"params": 2},
    "HomoscedasticNormal": {"event_shape": 1},
    "IndependentNormal": {"event_shape": 1},
    "IndependentLogistic": {"event_shape": 1},
    "IndependentBernoulli": {"event_shape": 1},
    "IndependentPoisson": {"event_shape": 1},
    "MultivariateNormalTriL": {"event_size": 2},
    "OneHotCategorical": {"event_size": 2},
    "MixtureSameFamily": {"num_components": 2, "component_layer": normal_of},
    "MixtureNormal": {"num_components": 2},
    "MixtureLogistic": {"num_components": 2},
    "CategoricalMixtureOfOneHotCategorical": {"event_size": 2, "num_components": 2},
}


def arguments_of(name):
    arguments = {row.name: row.geometry.arguments for row in ROWS} | OTHERS
    return arguments.get(name)


# Those that are left out take a layer or a prior, which are looked at when the layer is made.
CASES = [
    (name, argument)
    for name, kind in FAMILY.items()
    if arguments_of(name) is not None
    for argument in kind._function_arguments()
]


def test_every_layer_is_looked_at():
    left_out = {name for name in FAMILY if arguments_of(name) is None}
    assert left_out == {
        "AutoregressiveTransform",
        "KLDivergenceAddLoss",
        "VariationalGaussianProcess",
    }


def anything(*values, **further):
    """Stand for a function of any kind; as an initializer it is handed a shape."""
    del further
    return np.zeros(values[0], "float32") if isinstance(values[0], tuple) else 0.0


class Holder:
    def method(self, *values, **further):
        return anything(*values, **further)

    __call__ = method


class Configurable(Holder):
    """What Keras could save, if it were registered."""

    def get_config(self):
        return {}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def relu(*values, **further):
    """Share the name with a function of Keras, and nothing else."""
    return anything(*values, **further)


FUNCTIONS = {
    "lambda": lambda *values, **further: 0.0 * anything(*values, **further),
    "named": anything,
    "named as one of Keras": relu,
    "builtin": np.zeros,
    "partial": functools.partial(anything),
    "method": Holder().method,
    "object": Holder(),
    "object with a configuration": Configurable(),
}


@pytest.mark.parametrize(("name", "argument"), CASES)
def test_what_could_not_be_found_again_is_refused_when_saving(name, argument):
    for kind, function in FUNCTIONS.items():
        layer = FAMILY[name](**{**arguments_of(name), argument: function})
        for other in set(OTHERS.get(name, {})) - {argument, "units", "shape", "params"}:
            # Of those that are functions, only the one in question is to be complained of.
            setattr(layer, other, None)
        with pytest.raises(ArgumentError, match="must be a registered function") as caught:
            layer.get_config()
        assert caught.value.argument == argument, kind
        assert argument in caught.value.received
        assert "register_keras_serializable" in caught.value.hint
        assert "save_weights" in caught.value.hint


def planted(**values):
    entry = {"module": "planted", "class_name": "Planted", "config": {}, "registered_name": None}
    return {**entry, **values}


PLANTED = {
    "class": planted(),
    "registered": planted(registered_name="planted>Planted"),
    "function": planted(class_name="function", config="planted"),
    "builtin": planted(class_name="function", config="planted", module="builtins"),
    "os.system": {"module": "os", "class_name": "function", "config": "system"},
    "byte code": {
        "class_name": "__lambda__",
        "config": {"value": "4wAAAAA=", "defaults": None, "closure": None},
    },
    "inside": {
        "module": "bayeslayers.distributions.makers",
        "class_name": "MeanFieldNormal",
        "config": {"loc_initializer": planted()},
        "registered_name": "bayeslayers>MeanFieldNormal",
    },
}


@pytest.mark.parametrize("is_unsafe", [False, True])
@pytest.mark.parametrize(("name", "argument"), CASES)
def test_functions_that_a_file_brings_along_are_refused(
    name, argument, is_unsafe, tmp_path, monkeypatch
):
    """Even for a user who has allowed Keras everything."""
    (tmp_path / "planted.py").write_text("def planted(x): return x\nclass Planted: pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    with unsafe_deserialization() if is_unsafe else contextlib.nullcontext():
        for entry in PLANTED.values():
            config = {"name": "layer", **arguments_of(name), argument: entry}
            config = {k: v for k, v in config.items() if k == argument or v is not normal_of}
            with pytest.raises(ArgumentError, match="must name a registered") as caught:
                FAMILY[name].from_config(json.loads(json.dumps(config)))
            assert caught.value.argument == argument
            assert "planted" not in sys.modules
