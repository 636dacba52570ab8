"""How layers are made public: where their source is found, what their signatures say, and names."""

import importlib
import inspect
import pickle
import pkgutil
import typing
from pathlib import Path

import keras
import pytest

import bayeslayers
from bayeslayers import ArgumentError, layers
from bayeslayers.base_layers.base_layer import BaseLayer
from bayeslayers.base_layers.bayesian_layer import BayesianLayer
from bayeslayers.base_layers.publishing import public_layer
from bayeslayers.contract.functions import PUBLIC
from bayeslayers.estimators import Reparameterization
from bayeslayers.layers import FAMILY

MODULES = [
    importlib.import_module(f"bayeslayers.layers.{module.name}")
    for module in pkgutil.iter_modules(layers.__path__)
]
every_layer = pytest.mark.parametrize("kind", FAMILY.values(), ids=FAMILY)


def function_of(kind):
    return getattr(bayeslayers, kind.function_name)


def test_every_layer_is_in_the_family():
    made_public = {
        kind
        for module in MODULES
        for kind in vars(module).values()
        if inspect.isclass(kind) and issubclass(kind, BaseLayer) and "function_name" in vars(kind)
    }
    left_out = {kind.__name__ for kind in made_public - set(FAMILY.values())}
    assert not left_out, f"Import {left_out} in layers/__init__.py, and add them to FAMILY there."


@every_layer
def test_the_function_stands_below_its_layer(kind):
    name, module = kind.function_name, importlib.import_module(kind.__module__)
    advice = f"Write `{name} = layer_function({kind.__name__})` below the class."
    assert inspect.isfunction(vars(module).get(name)), advice
    assert inspect.unwrap(vars(module)[name]) is kind, advice


def test_every_public_function_can_be_imported():
    names = {*(kind.function_name for kind in FAMILY.values()), *PUBLIC}
    left_out = sorted(name for name in names if name not in vars(bayeslayers))
    assert not left_out, f"Import these functions in bayeslayers/__init__.py: {left_out}"
    assert names <= set(bayeslayers.__all__)
    assert all(vars(bayeslayers)[name] is function for name, function in PUBLIC.items())


def test_all_public_names_are_listed():
    assert set(bayeslayers.__all__) <= set(dir(bayeslayers))
    assert len(bayeslayers.__all__) == len(set(bayeslayers.__all__))


@every_layer
def test_an_editor_is_led_to_the_file_of_the_layer(kind):
    file = Path(inspect.getsourcefile(inspect.unwrap(function_of(kind))))
    assert file.parent == Path(layers.__file__).parent
    assert f"class {kind.__name__}(" in inspect.getsource(function_of(kind))


@every_layer
def test_function_and_class_are_found_again_by_name(kind):
    for value in (function_of(kind), kind):
        assert pickle.loads(pickle.dumps(value)) is value
    assert keras.saving.get_registered_object(f"bayeslayers>{kind.__name__}") is kind


@every_layer
def test_types_are_those_of_the_signature(kind):
    for function in (function_of(kind), kind.__init__):
        parameters = inspect.signature(function).parameters
        types = typing.get_type_hints(function)
        result = types.pop("return")
        assert types == {n: p.annotation for n, p in parameters.items() if n != "self"}
        assert inspect.Parameter.empty not in types.values()
        assert result is type(None) or kind in typing.get_args(result)


def test_a_subclass_with_another_estimator_keeps_the_constructor():
    class Plain(layers.DenseFlipout):
        estimator_type = Reparameterization

    assert inspect.signature(Plain) == inspect.signature(layers.DenseFlipout)
    layer = Plain(2, seed=1)
    assert isinstance(layer.estimator, Reparameterization)
    with pytest.raises(ArgumentError, match="Did you mean `units`"):
        Plain(unit=2)


def test_a_layer_that_is_not_made_public_says_what_it_needs():
    class Unmade(layers.VariationalLayer):
        geometry_type = layers.DenseFlipout.geometry_type
        estimator_type = Reparameterization

    for kind in (Unmade, layers.VariationalLayer):
        with pytest.raises(TypeError, match=r"has no constructor yet: .*estimator_layer"):
            kind()


def test_a_layer_that_leaves_something_open_is_not_made_public():
    with pytest.raises(TypeError, match=r"Unfinished must define .*divergences.*plain_layer"):

        @public_layer
        class Unfinished(BayesianLayer):
            """A layer without divergences."""

            function_name = "layer_unfinished"

    assert keras.saving.get_registered_object("bayeslayers>Unfinished") is None
