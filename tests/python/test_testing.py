"""`check_layer()`: layers that keep the contract pass it, and those that break a rule are named."""

from types import MappingProxyType

import keras
import numpy as np
import pytest
from frameworks import distributions as tfd
from frameworks import numpy_of, on
from keras import ops

from bayeslayers import layers
from bayeslayers.base_layers.model_draw import current_model_draw
from bayeslayers.estimators import Reparameterization
from bayeslayers.layers import DenseFlipout
from bayeslayers.testing import LayerCheckError, check_layer, layer_checks

registered = keras.saving.register_keras_serializable("test_testing")


@registered
def posterior(kernel_size, bias_size, dtype=None):
    size = kernel_size + bias_size
    loc = keras.Variable(np.linspace(-1, 1, size), dtype="float32", name="loc", autocast=False)
    return lambda inputs: tfd.Independent(tfd.Normal(loc.value, 0.1), 1)


@registered
def prior(kernel_size, bias_size, dtype=None):
    zeros = np.zeros(kernel_size + bias_size, "float32")
    return lambda inputs: tfd.Independent(tfd.Normal(ops.convert_to_tensor(zeros), 1.0), 1)


@registered
def around(t):
    return tfd.Independent(tfd.Normal(t, 0.5), 1)


OURS = {
    "DenseFlipout": ({"units": 2, "activation": "relu"}, (3,)),
    "DenseLocalReparameterization": ({"units": 2}, (4, 3)),
    "Conv1DReparameterization": ({"filters": 2, "kernel_size": 3}, (6, 3)),
    "SeparableConv1DFlipout": ({"filters": 2, "kernel_size": 3}, (6, 3)),
    "GRUFlipout": ({"units": 2}, (3, 2)),
    "DenseVariational": (
        {"units": 2, "make_posterior_fn": posterior, "make_prior_fn": prior, "kl_use_exact": True},
        (3,),
    ),
    "DistributionLambda": ({"make_distribution_fn": around}, (3,)),
    "AutoregressiveNetwork": ({"params": 2, "event_shape": 3}, (3,)),
    "VariableLayer": ({"shape": (2,)}, (3,)),
    "MixtureSameFamily": (
        {"num_components": 3, "component_layer": layers.IndependentNormal(2)},
        (15,),
    ),
    "MultivariateNormalTriL": ({"event_size": 2}, (5,)),
    "IndependentNormal": ({"event_shape": 2, "convert_to_tensor_fn": "mean"}, (4,)),
    "IndependentBernoulli": ({"event_shape": 2, "sample_dtype": "int32"}, (2,)),
    "HomoscedasticNormal": ({"event_shape": 2}, (2,)),
}


@pytest.mark.filterwarnings("ignore:The model does not have any trainable")
@pytest.mark.parametrize("name", OURS)
def test_our_layers_pass(name):
    arguments, input_shape = OURS[name]
    check_layer(getattr(layers, name), arguments, input_shape)


@registered
def posterior_model(kernel_size, bias_size, dtype=None):
    parameters = layers.VariableLayer(kernel_size + bias_size, initializer="random_normal")
    return keras.Sequential([parameters, layers.DistributionLambda(around)])


def test_a_posterior_that_draws_from_a_seed_of_its_own_passes():
    arguments = {"units": 2, "make_posterior_fn": posterior_model, "make_prior_fn": prior}
    check_layer(layers.DenseVariational, arguments)


@pytest.mark.parametrize(
    "argument",
    [{"name": "mine"}, {"dtype": "bfloat16"}, {"seed": 3}, {"kernel_divergence_fn": None}],
    ids=lambda argument: next(iter(argument)),
)
def test_arguments_of_a_good_layer_leave_it_good(argument):
    check_layer(DenseFlipout, {"units": 2, **argument})


def test_a_layer_of_whole_numbers_passes_on_inputs_that_it_takes():
    arguments = {"input_dim": 4, "output_dim": 2}
    check_layer(layers.EmbeddingReparameterization, arguments, inputs=[[0, 1], [2, 3]])


def test_a_prior_that_is_trained_may_be_left_alone_by_the_outputs():
    arguments = {"units": 2, "kernel_prior_fn": layers.trainable_normal_fn()}
    check_layer(DenseFlipout, arguments)


@registered
class OtherEstimator(DenseFlipout):
    estimator_type = Reparameterization


@registered
class ColdDense(DenseFlipout):
    """Counts a part of its divergence."""

    def __init__(self, units, temperature=0.5, **kwargs):
        super().__init__(units, **kwargs)
        self.temperature = temperature

    @property
    def own_scale(self):
        return self.temperature

    def get_config(self):
        return {**super().get_config(), "temperature": self.temperature}


@pytest.mark.parametrize("derived", [OtherEstimator, ColdDense])
def test_a_layer_that_is_derived_with_care_passes(derived):
    check_layer(derived, {"units": 2})


def broken(*checks):
    """Mark a layer with the checks that it fails."""

    def mark(kind):
        kind.fails = set(checks)
        return registered(kind)

    return mark


@broken("check_divergence_counts_once", "check_shared_layer_counts_once")
class AddsItsDivergenceTwice(DenseFlipout):
    def call(self, inputs):
        outputs = super().call(inputs)
        for divergence in self.added_divergences:
            self.add_loss(divergence + 0.0)
        return outputs


@broken("check_divergence_counts_once", "check_divergence_is_the_closed_form")
class DoublesItsDivergence(DenseFlipout):
    def _add_to_losses(self, divergences):
        super()._add_to_losses({role: 2.0 * value for role, value in divergences.items()})


@broken("check_shared_layer_counts_once")
class AddsItsDivergenceAtEveryCall(DenseFlipout):
    def _is_first_call_in_pass(self):
        return True


@broken("check_scale_is_followed")
class IgnoresTheScale(DenseFlipout):
    def _changeable_scale(self):
        return ops.convert_to_tensor(1.0)


@broken("check_seed_repeats_the_draws")
class IgnoresItsSeed(DenseFlipout):
    def __init__(self, units, seed=None, **kwargs):
        super().__init__(units, **kwargs)


@broken("check_calls_draw_anew", "check_draw_of_the_model_is_one_function")
class DrawsNothing(DenseFlipout):
    def call(self, inputs):
        super().call(inputs)
        kernel, bias = (moments[0] for moments in self.posterior_moments().values())
        return ops.cast(inputs @ ops.cast(kernel, inputs.dtype) + bias, self.compute_dtype)


@broken("check_config_makes_the_same_layer")
class ForgetsAnArgument(DenseFlipout):
    def __init__(self, units, bound=1.0, **kwargs):
        super().__init__(units, **kwargs)
        self.bound = bound


@broken("check_config_makes_the_same_layer")
class ChangesAnArgument(DenseFlipout):
    def get_config(self):
        return {**super().get_config(), "units": self.units + 1}


@broken("check_config_makes_the_same_layer")
class KeepsTheDefaultOfAnArgument(DenseFlipout):
    """Takes another number than the default, and forgets it at once."""

    def __init__(self, units, bound=1.0, **kwargs):
        super().__init__(units, **kwargs)
        self.bound = 1.0

    def get_config(self):
        return {**super().get_config(), "bound": self.bound}

    checked_with = MappingProxyType({"units": 2, "bound": 2.0})


@broken("check_divergence_counts_once")
class AddsNoDivergenceInTraining(DenseFlipout):
    def call(self, inputs, training=False):
        if not training:
            return super().call(inputs)
        kernel, bias = (moments[0] for moments in self.posterior_moments().values())
        return ops.cast(inputs @ ops.cast(kernel, inputs.dtype) + bias, self.compute_dtype)


@broken("check_arguments_make_it", "check_mixed_precision")
class IgnoresItsDtype(DenseFlipout):
    def __init__(self, units, dtype=None, **kwargs):
        super().__init__(units, **kwargs)


@broken("check_gradients_reach_every_variable", "check_outputs_train_every_posterior")
class StopsTheGradient(DenseFlipout):
    def call(self, inputs):
        return ops.stop_gradient(super().call(inputs))


@broken("check_without_spread_is_the_plain_layer")
class IsNotItsPlainLayer(DenseFlipout):
    def call(self, inputs):
        return 2.0 * super().call(inputs)


@broken("check_draw_of_the_model_is_one_function")
class AddsNoiseOfItsOwn(DenseFlipout):
    def call(self, inputs):
        outputs = super().call(inputs)
        mean = ops.mean(inputs)
        return outputs + 0.0 * outputs if current_model_draw() is None else outputs + mean


@broken("check_mixed_precision")
class ComputesInSinglePrecision(DenseFlipout):
    def call(self, inputs):
        return ops.cast(super().call(inputs), "float32")


@broken("check_unknown_arguments_are_refused")
class TakesAnyArgument(DenseFlipout):
    def __init__(self, units, no_such_argument=None, **kwargs):
        super().__init__(units, **kwargs)

    def get_config(self):
        return {**super().get_config(), "no_such_argument": None}


@broken("check_outputs_are_as_inferred")
class InfersAnotherShape(DenseFlipout):
    def compute_output_spec(self, inputs, *args, **kwargs):
        super().compute_output_spec(inputs, *args, **kwargs)
        return keras.KerasTensor((*inputs.shape[:-1], 1), dtype=self.compute_dtype)


class IsNotRegistered(DenseFlipout):
    fails = frozenset({"check_file_brings_it_back"})


BROKEN = [
    (kind, name)
    for kind in DenseFlipout.__subclasses__()
    for name in sorted(getattr(kind, "fails", ()))
]


def check_of(kind, name, arguments=None):
    (found,) = [c for c in layer_checks(kind, arguments or {"units": 2}) if c.name == name]
    return found


@pytest.mark.filterwarnings("ignore:Gradients do not exist", "ignore:Skipping nested container")
@pytest.mark.parametrize(
    ("kind", "name"), [pytest.param(*each, id=f"{each[0].__name__}-{each[1]}") for each in BROKEN]
)
def test_a_layer_that_breaks_a_rule_fails_its_check(kind, name):
    """`DenseFlipout` itself passes all of them, as is tested above."""
    with pytest.raises(LayerCheckError) as caught:
        check_of(kind, name, getattr(kind, "checked_with", None))()
    error = caught.value
    assert (error.layer, error.check) == (kind.__name__, name)
    assert str(error).startswith(f"`{kind.__name__}` breaks the rule of `{name}`: {error.rule}. ")
    # What came was seen by the check, but for a file that Keras can't load.
    assert error.__cause__ is None or kind is IsNotRegistered


def test_every_check_is_failed_by_a_layer():
    checks = {check.name for check in layer_checks(DenseFlipout, {"units": 2})}
    tested_otherwise = {"check_compiled_is_eager"}
    assert {name for _, name in BROKEN} | tested_otherwise == checks


@pytest.mark.filterwarnings("ignore:Gradients do not exist")
def test_the_message_says_what_came():
    with pytest.raises(LayerCheckError, match=r"`get_config\(\)` lacks `bound`"):
        check_layer(ForgetsAnArgument, {"units": 2})
    with pytest.raises(LayerCheckError, match="A call adds 2 losses, and there are 1 divergences"):
        check_of(AddsItsDivergenceTwice, "check_divergence_counts_once")()
    with pytest.raises(LayerCheckError, match=r"It leaves these .*kernel_posterior"):
        check_of(StopsTheGradient, "check_outputs_train_every_posterior")()
    with pytest.raises(LayerCheckError, match=r"Two layers of one seed .* differ in their first"):
        check_of(IgnoresItsSeed, "check_seed_repeats_the_draws")()


def test_a_layer_that_is_not_ours_is_refused():
    with pytest.raises(LayerCheckError, match="It is a subclass of none of them"):
        check_layer(keras.layers.Dense, {"units": 2})


def test_arguments_that_make_no_layer_are_said_as_they_were_refused():
    with pytest.raises(LayerCheckError, match="failed with ArgumentError: `units` must be given"):
        check_layer(DenseFlipout)


@on("tensorflow", "jax")
def test_a_layer_that_computes_something_else_when_compiled_fails():
    @registered
    class TellsWhetherItIsCompiled(DenseFlipout):
        def call(self, inputs):
            outputs = super().call(inputs)
            try:
                numpy_of(inputs)
            except Exception:
                return outputs + 1.0
            return outputs

    name = "check_compiled_is_eager"
    with pytest.raises(LayerCheckError, match="Compiled and not, they differ by up to 1"):
        check_of(TellsWhetherItIsCompiled, name)()


def test_pytest_runs_the_checks_one_by_one():
    checks = layer_checks(DenseFlipout, {"units": 2})
    assert len({str(check) for check in checks}) == len(checks) > 10
    assert all(str(check).startswith("check_") for check in checks)
    of_variable = {check.name for check in layer_checks(layers.VariableLayer, {"shape": (2,)})}
    assert of_variable < {check.name for check in checks}
    assert not any("divergence" in name or "draw" in name for name in of_variable)
