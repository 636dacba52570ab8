"""A training that is interrupted, at any place, leaves the model as it was before."""

import keras
import numpy as np
import pytest
from frameworks import BACKEND, JIT, assert_allclose, on
from oracles import normal_kl, parameters

from bayeslayers import (
    ArgumentError,
    callback_kl_annealing,
    callback_kl_history,
    kl_divergence,
    layer_dense_flipout,
    layer_dense_reparameterization,
    scale_kl,
)

N = 10
# What Keras itself leaves on a model that it fits.
KERAS_OWN = {"history", "_eval_epoch_iterator", "_jax_state"}
X, Y = np.ones((8, 3), "float32"), np.ones((8, 1), "float32")

# The losses are all divergence on purpose, of which the callback warns.
pytestmark = pytest.mark.filterwarnings("ignore:The KL term of the loss")


def network(**compiled):
    """Return a model whose loss is its divergence, which training does not change."""
    model = keras.Sequential([keras.Input((3,))])
    model = scale_kl(layer_dense_reparameterization(layer_dense_flipout(model, 4), 1), N)
    arguments = {"jit_compile": False, **compiled}
    model.compile(keras.optimizers.SGD(0.0), lambda y, f: 0.0 * f, **arguments)
    return model


def exact(model):
    """Return the divergence that counts, in closed form."""
    return sum(normal_kl(*parameters(layer.kernel_posterior)) for layer in model.layers) / N


class Fails(keras.callbacks.Callback):
    """Fail at the second time that Keras says something of the second epoch."""

    def __init__(self, hook, error):
        super().__init__()
        self.epoch, self.count, self.error = 0, 0, error
        setattr(self, hook, self.fail)

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def fail(self, *args, logs=None):
        self.count += self.epoch == 1
        if self.count == 1:
            raise self.error


def failing_data(error, epochs=1):
    def batches():
        for _ in range(4 * epochs + 2):
            yield X[:2], Y[:2]
        raise error

    return batches()


HOOKS = (
    "on_train_batch_begin",
    "on_train_batch_end",
    "on_test_begin",
    "on_test_batch_begin",
    "on_test_batch_end",
    "on_test_end",
    "on_epoch_end",
)
ORDERS = {
    "annealing": ["annealing"],
    "history": ["history"],
    "both": ["annealing", "history"],
    "the other way round": ["history", "annealing"],
}


def callbacks_of(order):
    made = {
        "annealing": callback_kl_annealing(epochs=100),
        "history": callback_kl_history(warn_above=1e9),
    }
    return [made[name] for name in ORDERS[order]]


def used(model):
    """Use the model in every way, and return the names of all that is kept on it."""
    model.fit(X, Y, batch_size=2, verbose=0, validation_data=(X, Y))
    model.evaluate(X, Y, batch_size=2, verbose=0)
    return set(vars(model))


def assert_as_before(model, attributes):
    """Look at what the model is asked for after the training."""
    expected = exact(model)
    assert_allclose(kl_divergence(model).loss, expected, rtol=1e-5)
    model(X)
    assert_allclose(sum(map(float, model.losses)), expected, rtol=1e-5)
    batch = X[:2], Y[:2]
    found = [model.train_on_batch(*batch), model.test_on_batch(*batch)]
    history = model.fit(X, Y, batch_size=2, verbose=0, validation_data=(X, Y)).history
    assert sorted(history) == ["loss", "val_loss"]
    found += [*history["loss"], *history["val_loss"]]
    assert_allclose(found, expected, rtol=1e-5)
    assert set(vars(model)) - attributes <= KERAS_OWN


# Behind ours, a step's first hook fails where they wait for the step: there in every order.
PLACES = [
    *((hook, "both") for hook in HOOKS),
    *(
        (hook, order)
        for hook in ("on_train_batch_begin", "on_test_batch_begin")
        for order in ORDERS
        if order != "both"
    ),
]


@pytest.mark.parametrize(("hook", "order"), PLACES)
def test_a_callback_that_fails(hook, order):
    model = network()
    attributes = used(model)
    fails = Fails(hook, KeyboardInterrupt() if order == "both" else RuntimeError("failed"))
    with pytest.raises((KeyboardInterrupt, RuntimeError)):
        model.fit(
            X,
            Y,
            batch_size=2,
            epochs=3,
            verbose=0,
            validation_data=(X, Y),
            callbacks=[*callbacks_of(order), fails],
        )
    assert fails.count == 1
    assert_as_before(model, attributes)


MODES = {
    "graph": {},
    "XLA": {"jit_compile": True},
    "eager": {"run_eagerly": True},
    "several steps at once": {"steps_per_execution": 2},
}
if BACKEND == "torch":
    # PyTorch's own compiler takes a minute to start, and Keras refuses several steps there.
    MODES = {"eager": MODES["eager"]}


@pytest.mark.parametrize("order", ["both", "the other way round"])
@pytest.mark.parametrize("mode", MODES)
def test_data_that_fail_in_every_mode(mode, order):
    model = network(**MODES[mode])
    attributes = used(model)
    with pytest.raises(Exception, match="failed"):
        model.fit(
            failing_data(RuntimeError("failed")),
            steps_per_epoch=4,
            epochs=3,
            verbose=0,
            callbacks=callbacks_of(order),
        )
    assert_as_before(model, attributes)


class FailsInStep(keras.layers.Layer):
    """Fail in the middle of a step when it is told to."""

    armed = False

    def call(self, inputs):
        if self.armed:
            raise KeyboardInterrupt
        return inputs


@pytest.mark.parametrize("order", ["both", "the other way round"])
def test_a_step_that_fails(order):
    model, fails = network(), FailsInStep()
    expected = exact(model)
    model.add(fails)
    model.compile(keras.optimizers.SGD(0.0), lambda y, f: 0.0 * f, run_eagerly=True)
    attributes = used(model)

    class Arms(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            fails.armed = epoch == 1

    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, epochs=3, verbose=0, callbacks=[*callbacks_of(order), Arms()])
    fails.armed = False
    assert_allclose(kl_divergence(model).loss, expected, rtol=1e-5)
    assert_allclose(model.evaluate(X, Y, verbose=0), expected, rtol=1e-5)
    assert list(model.fit(X, Y, verbose=0).history) == ["loss"]
    assert set(vars(model)) - attributes <= KERAS_OWN


@pytest.mark.parametrize("kind", ["annealing", "history"])
def test_a_compile_after_the_failure_holds(kind):
    """What is left on the model, or in a callback, must not bring back the step of the old loss."""
    model, callbacks = network(), callbacks_of(kind)
    model.fit(X, Y, verbose=0)
    model.fit(X, Y, verbose=0, callbacks=callbacks)
    model.compile(keras.optimizers.SGD(0.0), lambda y, f: 0.0 * f + 3.0)
    assert_allclose(model.fit(X, Y, verbose=0).history["loss"], 3.0 + exact(model), rtol=1e-5)
    fails = Fails("on_train_batch_begin", RuntimeError("failed"))
    with pytest.raises(RuntimeError):
        model.fit(X, Y, epochs=3, verbose=0, callbacks=[*callbacks, fails])
    model.compile(keras.optimizers.SGD(0.0), lambda y, f: 0.0 * f + 7.0)
    assert_allclose(model.train_on_batch(X, Y), 7.0 + exact(model), rtol=1e-5)


def test_between_steps_the_model_is_as_without_annealing():
    model, found = network(), []
    expected = exact(model)

    class Looks(keras.callbacks.Callback):
        def look(self, *args, logs=None):
            # On JAX, Keras brings the state back when a callback asks for its model.
            self.model(X)
            found.extend([kl_divergence(model).loss, sum(map(float, model.losses))])

        on_epoch_begin = on_train_batch_begin = on_train_batch_end = look

        def on_epoch_end(self, epoch, logs=None):
            self.look()
            found.append(model.evaluate(X, Y, verbose=0))

    callbacks = [Looks(), *callbacks_of("annealing"), Looks()]
    history = model.fit(X, Y, epochs=2, verbose=0, callbacks=callbacks).history["loss"]
    assert_allclose(found, expected, rtol=1e-5)
    assert_allclose(history, [0.0, expected / 100], rtol=1e-5, atol=1e-6)


class ReadsInStep(keras.Model):
    """A model whose step reads the verb, and what is added to the loss."""

    def __init__(self):
        super().__init__()
        self.dense, self.found = layer_dense_flipout(units=1), []

    def call(self, inputs):
        return self.dense(inputs)

    def train_step(self, data):
        logs = super().train_step(data)
        self.found.append((kl_divergence(self).loss, float(self.losses[0])))
        return logs


# On JAX a step is handed the state, and the model has none in it.
@on("tensorflow", "torch")
def test_inside_a_step_the_verb_has_the_factor_in_force():
    model = ReadsInStep()
    model.compile(keras.optimizers.SGD(0.0), "mse", run_eagerly=True)
    model.fit(X, Y, epochs=3, verbose=0, callbacks=[callback_kl_annealing(epochs=4)])
    full = normal_kl(*parameters(model.dense.kernel_posterior))
    assert_allclose(model.found, np.outer([0, 0.25, 0.5], [full, full]), rtol=1e-5)


@pytest.mark.parametrize("order", ["both", "the other way round"])
@pytest.mark.parametrize("mode", MODES)
def test_both_callbacks_act_in_every_order_and_mode(mode, order):
    model = network(**MODES[mode])
    annealing, history = callback_kl_annealing(epochs=4), callback_kl_history(warn_above=1e9)
    callbacks = [annealing, history] if order == "both" else [history, annealing]
    found = model.fit(
        X, Y, batch_size=2, epochs=5, verbose=0, validation_data=(X, Y), callbacks=callbacks
    ).history
    expected = np.multiply([0, 0.25, 0.5, 0.75, 1], exact(model))
    for name in ("loss", "kl_divergence", "val_loss", "val_kl_divergence"):
        assert_allclose(found[name], expected, rtol=1e-5, atol=1e-6, err_msg=name)


def test_the_callbacks_do_nothing_in_an_evaluation_of_its_own():
    model = network()
    annealing, history = callbacks_of("both")
    with pytest.raises(RuntimeError):
        model.fit(
            X,
            Y,
            epochs=3,
            verbose=0,
            callbacks=[annealing, history, Fails("on_epoch_end", RuntimeError("failed"))],
        )
    found = model.evaluate(X, Y, verbose=0, callbacks=[annealing, history], return_dict=True)
    assert list(found) == ["loss"]
    assert_allclose(found["loss"], exact(model), rtol=1e-5)


class Adds(keras.layers.Layer):
    """A layer of somebody else's, which adds a divergence."""

    divergence = 3.0

    def call(self, inputs):
        self.add_loss(keras.ops.convert_to_tensor(self.divergence))
        return inputs


def test_a_function_that_another_callback_makes_anew_is_measured_anew():
    adds = Adds()
    model = plain(adds)

    class Changes(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                adds.divergence = 4.0
                self.model.make_train_function(force=True)

    callbacks = [callback_kl_history(warn_above=1e9), Changes()]
    found = model.fit(X, Y, epochs=3, verbose=0, callbacks=callbacks).history
    assert_allclose(found["kl_divergence"], [3.0, 4.0, 4.0])


# Other frameworks have the optimizer of the layers that are to be trained at first.
@on("tensorflow")
def test_layers_that_train_from_some_epoch_on_are_measured():
    model = network()
    model.compile(keras.optimizers.SGD(0.1), lambda y, f: 0.0 * f, jit_compile=JIT)
    model.trainable = False

    class Thaws(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                self.model.trainable = True
                self.model.make_train_function(force=True)

    callbacks = [callback_kl_history(warn_above=1e9), Thaws()]
    with pytest.warns(UserWarning, match="does not have any trainable weights"):
        found = model.fit(X, Y, epochs=4, verbose=0, callbacks=callbacks).history["kl_divergence"]
    assert found[0] == pytest.approx(found[1], rel=1e-6)
    assert found[3] < found[2] < found[1]


def plain(*layers):
    model = keras.Sequential([keras.Input((3,)), *layers])
    model.compile(keras.optimizers.SGD(0.0), lambda y, f: 0.0 * f + 5.0, jit_compile=JIT)
    return model


@pytest.mark.parametrize("with_ours", [True, False])
def test_history_shows_what_other_layers_add(with_ours):
    ours = [layer_dense_flipout(units=3)] if with_ours else []
    penalty = keras.regularizers.L2(0.5)
    regularized = keras.layers.Dense(
        2,
        kernel_initializer="ones",
        kernel_regularizer=penalty,
        bias_initializer="ones",
        activity_regularizer=penalty,
    )
    model = plain(*ours, Adds(), Adds(), regularized)
    history = callback_kl_history(warn_above=1e9)
    found = model.fit(X, Y, verbose=0, callbacks=[history]).history
    divergence = 6.0
    if with_ours:
        divergence += normal_kl(*parameters(model.layers[0].kernel_posterior))
    assert_allclose(found["kl_divergence"], divergence, rtol=1e-5)
    if not with_ours:
        # Penalties are no divergences: 0.5 times 6 ones and 2 ones, and 0.5 times the squares of
        # the outputs, which are 4, of each example.
        likelihood = 5.0 + 0.5 * (3 * 2) + 0.5 * 2 * 4**2
        assert_allclose(found["negative_log_likelihood"], likelihood, rtol=1e-5)


def test_the_remedy_for_other_layers_is_theirs():
    with pytest.warns(UserWarning, match="the layers must divide what they add"):
        plain(Adds()).fit(X, Y, verbose=0, callbacks=[callback_kl_history(warn_above=0.1)])


def test_a_model_without_any_divergence_is_refused_and_left_alone():
    model = plain(keras.layers.Dense(1, kernel_regularizer="l2"))
    attributes = set(vars(model))
    with pytest.raises(ArgumentError, match="`model` must contain a layer with a posterior"):
        model.fit(X, Y, verbose=0, callbacks=[callback_kl_history()])
    assert set(vars(model)) - attributes <= KERAS_OWN
    assert list(model.fit(X, Y, verbose=0).history) == ["loss"]


class Custom(keras.Model):
    """A model with a step of its user's own, which on JAX is handed the state."""

    def __init__(self, step):
        super().__init__()
        self.dense, self.step = layer_dense_flipout(units=1), step

    def call(self, inputs):
        return self.dense(inputs)

    def train_step(self, *args):
        return self.step(self, *args)


def squared_errors(x, y, predicted, losses):
    return keras.ops.mean((y - predicted) ** 2) + sum(losses)


if BACKEND == "jax":
    import jax

    def by_hand(loss_of):
        def step(model, state, data):
            trainable, others, *rest = state
            x, y = data

            def loss(trainable):
                call = model.stateless_call(trainable, others, x, return_losses=True)
                return loss_of(model, x, y, call[0], call[2]), call[1]

            (loss, others), _ = jax.value_and_grad(loss, has_aux=True)(trainable)
            return {"loss": loss}, (trainable, others, *rest)

        return step

    def without_loss(model, state, data):
        logs, state = keras.Model.train_step(model, state, data)
        return {"total": logs["loss"]}, state

    without_compute_loss = by_hand(lambda model, *args: squared_errors(*args))
    outside_of_a_scope = by_hand(lambda model, x, y, f, losses: model.compute_loss(x, y, f))
    OWN_STEPS = [(outside_of_a_scope, "`compute_loss\\(\\)` where metrics can't follow", ["loss"])]
else:

    def without_loss(model, data):
        x, y = data
        return {"total": model.compute_loss(x=x, y=y, y_pred=model(x, training=True))}

    def without_compute_loss(model, data):
        x, y = data
        return {"loss": squared_errors(x, y, model(x, training=True), model.losses)}

    OWN_STEPS = []


@pytest.mark.parametrize(
    ("step", "message", "shown"),
    [
        (without_loss, 'returns no "loss"', ["kl_divergence", "total"]),
        (without_compute_loss, "does not call `compute_loss", ["loss"]),
        *OWN_STEPS,
    ],
)
def test_a_step_of_the_users_own(step, message, shown):
    model = Custom(step)
    model.compile(keras.optimizers.SGD(0.0), "mse", jit_compile=JIT)
    model(X)
    with pytest.warns(UserWarning, match=message) as caught:
        found = model.fit(X, Y, epochs=3, verbose=0, callbacks=[callback_kl_history()]).history
    assert len([w for w in caught if "callback_kl_history" in str(w.message)]) == 1
    assert sorted(found) == shown
    full = normal_kl(*parameters(model.dense.kernel_posterior))
    if "kl_divergence" in found:
        assert_allclose(found["kl_divergence"], full, rtol=1e-5)
    assert sorted(model.fit(X, Y, verbose=0).history) == [n for n in shown if n[:2] != "kl"]


class BuiltLate(keras.Model):
    """A model that has one of its layers from the start, and makes the other when it is built."""

    def __init__(self):
        super().__init__()
        self.first = layer_dense_flipout(units=4)

    def build(self, shape):
        self.second = layer_dense_reparameterization(units=1)
        self.first.build(shape)
        self.second.build((None, 4))
        self.built = True

    def call(self, inputs):
        return self.second(self.first(inputs))


@pytest.mark.parametrize("how", [{}, {"jit_compile": True}, {"run_eagerly": True}], ids=str)
def test_layers_that_the_first_step_makes_are_annealed_with_the_others(how):
    model = BuiltLate()
    model.compile(keras.optimizers.SGD(0.0), lambda y, f: 0.0 * f, **how)
    # The first epoch of the four has none of the divergence.
    found = model.fit(X, Y, epochs=2, verbose=0, callbacks=[callback_kl_annealing(epochs=4)])
    whole = N * exact(model)
    assert_allclose(found.history["loss"], [0.0, whole / 4], rtol=1e-5)
    assert_allclose(model.evaluate(X, Y, verbose=0), whole, rtol=1e-5)
