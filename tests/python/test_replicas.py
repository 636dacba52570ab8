"""Several replicas: one loss, one divergence, and noise of its own for each."""

import json
import signal
import socket
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from pages import block_with
from processes import environment_with, output_of, run_python

PREPARE = """
import functools
import json
import sys

import keras
import numpy as np
import tensorflow as tf

import bayeslayers as bl

GLOBAL_BATCH = 8
rng = np.random.default_rng(5)
x = rng.normal(size=(32, 6, 2)).astype("float32")
y = x.sum(axis=(1, 2))[:, None].astype("float32")


def two_cpus():
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


def network(spread):
    # Hardly any noise, so that it does not matter whose it is: a scale of 1e-7, far from the
    # prior's, so that a divergence counted twice would show.
    initializer = keras.initializers.Constant(spread)
    posterior = bl.layers.default_mean_field_normal_fn(untransformed_scale_initializer=initializer)
    keras.utils.set_random_seed(2)
    model = keras.Sequential([keras.Input((6, 2))])
    model = bl.layer_conv_1d_flipout(model, 4, 3, kernel_posterior_fn=posterior)
    model = bl.layer_conv_1d_reparameterization(model, 4, 2, kernel_posterior_fn=posterior)
    model.add(keras.layers.Flatten())
    model = bl.layer_dense_local_reparameterization(model, 1, kernel_posterior_fn=posterior)
    return bl.scale_kl(model, 100)


def compiled(spread=-30.0, momentum=0.9):
    model = network(spread)
    model.compile(keras.optimizers.SGD(0.01, momentum=momentum), "mse", jit_compile=False)
    return model


def fitted(model, **arguments):
    history = bl.callback_kl_history(warn_above=1e9)
    callbacks = [history, *arguments.pop("callbacks", [])]
    return model.fit(
        x, y, batch_size=GLOBAL_BATCH, shuffle=False, verbose=0, callbacks=callbacks, **arguments
    ).history
"""


PLAIN = """
def plain():
    keras.utils.set_random_seed(2)
    layers = [keras.Input((6, 2)), keras.layers.Flatten(), keras.layers.Dense(1)]
    model = keras.Sequential(layers)
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), "mse", jit_compile=False)
    return model


def fitted_plain(model):
    return model.fit(x, y, batch_size=GLOBAL_BATCH, shuffle=False, verbose=0, epochs=4).history


strategy = two_cpus()
alone = fitted_plain(plain())
with strategy.scope():
    model = plain()
print(json.dumps([alone["loss"], fitted_plain(model)["loss"]]))
"""


@pytest.fixture(scope="module")
def keras_fits_on_replicas():
    """Leave out what Keras's own layers don't do: its first versions have another loss there."""
    alone, together = json.loads(output_of(PREPARE + PLAIN).splitlines()[-1])
    if not np.allclose(alone, together, rtol=1e-4):
        pytest.skip("this Keras trains its own layers otherwise on replicas than alone")


@pytest.mark.essential
@pytest.mark.usefixtures("keras_fits_on_replicas")
def test_two_replicas_that_fit_have_the_loss_of_one():
    printed = output_of(
        PREPARE
        + """
strategy = two_cpus()
alone = fitted(compiled(), epochs=4)
with strategy.scope():
    model = compiled()
together = fitted(model, epochs=4)
kl = bl.kl_divergence(model)
print(json.dumps([alone, together, kl.loss, model.evaluate(x, y, batch_size=8, verbose=0)]))
"""
    )
    alone, together, divergence, evaluated = json.loads(printed.splitlines()[-1])
    assert sorted(alone) == ["kl_divergence", "loss", "negative_log_likelihood"]
    for figure in alone:
        np.testing.assert_allclose(together[figure], alone[figure], rtol=1e-4, err_msg=figure)
    # Once: it is most of the loss, and is what the verb says.
    np.testing.assert_allclose(together["kl_divergence"][-1], divergence, rtol=0.02)
    assert divergence > 0.2 * together["loss"][-1]
    np.testing.assert_allclose(evaluated, together["loss"][-1], rtol=0.5)


def test_replicas_have_noise_of_their_own_at_every_step():
    printed = output_of(
        PREPARE
        + """
strategy = two_cpus()
ones = tf.ones((2, 6, 2))
estimators = ("Flipout", "Reparameterization", "LocalReparameterization")
kinds = [getattr(bl.layers, f"Conv1D{estimator}") for estimator in estimators]
found = []
for kind in kinds:
    with strategy.scope():
        layer = kind(3, 2, bias_posterior_fn=None)
        layer.build((None, 6, 2))

    @tf.function
    def call():
        return strategy.experimental_local_results(strategy.run(layer, args=(ones,)))

    found.append([[np.asarray(part).ravel().tolist() for part in call()] for _ in range(3)])
print(json.dumps(found))
"""
    )
    for steps in json.loads(printed.splitlines()[-1]):
        outputs = np.array(steps).reshape(6, -1)
        for i in range(6):
            for j in range(i):
                assert np.all(outputs[i] != outputs[j])


# As the page has it, for the model and the batches of these tests.
LOOP = f"""
network = functools.partial(network, -30.0)
{block_with("many-machines", "def trained(strategy, steps):")}
GLOBAL_BATCH = 8
"""

WORKER = """
strategy = tf.distribute.MultiWorkerMirroredStrategy()
losses = trained(strategy, 8)
with strategy.scope():
    layer = bl.layers.Conv1DFlipout(3, 2, seed=1, bias_posterior_fn=None)
    layer.build((None, 6, 2))


@tf.function
def call():
    return strategy.run(layer, args=(tf.ones((1, 6, 2)),))


noise = [np.asarray(strategy.experimental_local_results(call())[0]).tolist() for _ in range(3)]
print(json.dumps([strategy.num_replicas_in_sync, losses, noise]))
"""


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def run_workers(code):
    cluster = {"worker": [f"127.0.0.1:{port}" for port in free_ports(2)]}
    workers = []
    for index in range(2):
        config = json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}})
        workers.append(
            subprocess.Popen(
                [sys.executable, "-c", textwrap.dedent(code)],
                env=environment_with(TF_CONFIG=config, CUDA_VISIBLE_DEVICES="-1"),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    try:
        results = [worker.communicate(timeout=240) for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
    for worker, (_, errors) in zip(workers, results, strict=True):
        assert worker.returncode == 0, errors[-3000:]
    return [json.loads(printed.splitlines()[-1]) for printed, _ in results]


def test_two_workers_in_a_loop_have_the_loss_of_one():
    alone = output_of(
        PREPARE + LOOP + "print(json.dumps(trained(tf.distribute.get_strategy(), 8)))"
    )
    alone = np.array(json.loads(alone.splitlines()[-1]))
    together = run_workers(PREPARE + LOOP + WORKER)
    for replicas, losses, _ in together:
        assert replicas == 2
        np.testing.assert_allclose(losses, alone, rtol=1e-4)
    noise = np.array([each[2] for each in together]).reshape(6, -1)
    for i in range(6):
        for j in range(i):
            assert np.all(noise[i] != noise[j])


RESUMED = """
class Fall(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if {falls} and epoch == 3:
            import os
            import signal

            os.kill(os.getpid(), signal.SIGKILL)


strategy = two_cpus()
with strategy.scope():
    model = compiled(spread=-1.0)
backup = keras.callbacks.BackupAndRestore({folder!r}, delete_checkpoint=False)
history = fitted(model, epochs=6, callbacks=[backup, Fall()])
print(json.dumps([history["loss"], [value.tolist() for value in model.get_weights()]]))
"""


def test_a_worker_that_was_killed_resumes_and_ends_as_if_it_had_not_been(tmp_path):
    def run(name, falls):
        return run_python(PREPARE + RESUMED.format(falls=falls, folder=str(tmp_path / name)))

    undisturbed = run("undisturbed", False)
    assert undisturbed.returncode == 0, undisturbed.stderr[-3000:]
    assert run("disturbed", True).returncode == -signal.SIGKILL
    resumed = run("disturbed", False)
    assert resumed.returncode == 0, resumed.stderr[-3000:]
    losses, weights = json.loads(undisturbed.stdout.splitlines()[-1])
    losses_again, weights_again = json.loads(resumed.stdout.splitlines()[-1])
    assert len(losses) == 6
    # What was left of the epochs, with all their noise, to the bit.
    assert losses_again == losses[3:]
    assert weights_again == weights
