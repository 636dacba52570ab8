"""Several devices on JAX and PyTorch: one loss, one divergence, and noise of its own for each.

TensorFlow's strategies are tested in `test_replicas.py`.
"""

import json
import subprocess
import sys

import numpy as np
import pytest
from frameworks import on
from oracles import normal_kl
from pages import block_with
from processes import environment_with, free_port, output_of

SET_UP = block_with("many-machines", "import bayeslayers as bl")
DEVICES = 4
FOUR_DEVICES = {"XLA_FLAGS": f"--xla_force_host_platform_device_count={DEVICES}"}


def printed_json(code, **environment):
    return json.loads(output_of(code, **environment).splitlines()[-1])


# What a user of `fit()` does on one device, and on several without another line.
USE = """
import json


def use():
    model = network()
    model.compile(keras.optimizers.SGD(0.01), loss="mean_squared_error")
    callbacks = [bl.callback_kl_history(warn_above=1e9), bl.callback_kl_annealing(epochs=4)]
    found = model.fit(
        x, y, batch_size=40, epochs=5, shuffle=False, verbose=0, callbacks=callbacks,
        validation_data=(x[:80], y[:80]),
    ).history
    found["evaluated"] = [model.evaluate(x, y, batch_size=40, verbose=0)]
    found["predicted"] = model.predict(x[:80], batch_size=40, verbose=0).ravel().tolist()
    draws = bl.predict_draws(model, x[:80], draws=2, batch_size=40, seed=1, verbose=0)
    found["draws"] = np.asarray(draws).ravel().tolist()
    found["divergence"] = [bl.kl_divergence(model).loss]
    zero = keras.Sequential([*model.layers])
    zero.compile(keras.optimizers.SGD(0.0), loss=lambda y, f: 0.0 * f)
    for scale in (320, 32):
        bl.scale_kl(model, scale)
        found[f"divergence in the loss, scaled by {scale}"] = [
            zero.evaluate(x, y, batch_size=40, verbose=0)
        ]
    posteriors = [layer.kernel_posterior for layer in model.layers]
    found["parameters"] = [
        [np.asarray(part).tolist() for part in (q.mean(), q.stddev())] for q in posteriors
    ]
    return found


def noise():
    ones, found = np.ones((8, 4), "float32"), []
    for estimator in ("Flipout", "Reparameterization", "LocalReparameterization"):
        layer = getattr(bl.layers, f"Dense{estimator}")(16, seed=1, bias_posterior_fn=None)
        model = keras.Sequential([keras.Input((4,)), layer])
        model.compile()
        steps = [model.predict(ones, batch_size=8, verbose=0).tolist() for _ in range(2)]
        found.append(steps)
    return found


def outcome():
    values = {v.path: len(v.value.sharding.device_set) for v in fitted.variables}
    axes = {v.path: list(v.value.sharding.shard_shape(v.shape)) for v in fitted.variables}
    loss = history.history["loss"]
    return {"use": use(), "noise": noise(), "page": loss, "devices": values, "parts": axes}
"""
ONE = """
model = network()
model.compile(keras.optimizers.SGD(0.01), loss="mean_squared_error")
history = model.fit(x, y, batch_size=40, epochs=3, shuffle=False, verbose=0)
"""
PRINT = """
fitted = model
print(json.dumps(outcome()))
"""
ON_DEVICES = {
    "DataParallel": block_with("many-machines", "devices = keras.distribution.list_devices()"),
    "ModelParallel": block_with("many-machines", "layouts = keras.distribution.LayoutMap(mesh)"),
}


@pytest.fixture(scope="module")
def alone():
    return printed_json(SET_UP + USE + ONE + PRINT)


@pytest.fixture(scope="module", params=ON_DEVICES)
def together(request):
    return request.param, printed_json(
        SET_UP + USE + ON_DEVICES[request.param] + PRINT, **FOUR_DEVICES
    )


@on("jax")
def test_values_are_on_all_devices_in_the_parts_that_were_asked_for(together):
    kind, found = together
    assert set(found["devices"].values()) == {DEVICES}
    kernels = {path: part for path, part in found["parts"].items() if "kernel_posterior" in path}
    assert len(kernels) == 4
    units = [part[-1] for part in kernels.values()]
    assert units == ([8, 8, 2, 2] if kind == "DataParallel" else [4, 4, 1, 1])


@on("jax")
def test_all_figures_are_those_of_one_device(together, alone):
    _, found = together
    np.testing.assert_allclose(found["page"], alone["page"], rtol=1e-5)
    assert sorted(found["use"]) == sorted(alone["use"])
    assert "val_kl_divergence" in found["use"]
    for name, values in alone["use"].items():
        if name != "parameters":
            np.testing.assert_allclose(
                found["use"][name], values, rtol=1e-3, atol=1e-4, err_msg=name
            )


@on("jax")
def test_the_divergence_counts_once_as_it_is_scaled_and_annealed(together):
    _, found = together
    used = found["use"]
    exact = sum(normal_kl(*parameters) for parameters in used["parameters"])
    for scale in (320, 32):
        (in_loss,) = used[f"divergence in the loss, scaled by {scale}"]
        np.testing.assert_allclose(in_loss, exact / scale, rtol=1e-5)
    np.testing.assert_allclose(used["divergence"], exact / 320, rtol=1e-5)
    # It hardly changes within an epoch; the factor of each epoch is told by its validation.
    shares = np.array(used["val_kl_divergence"]) / (exact / 320)
    np.testing.assert_allclose(shares, [0, 0.25, 0.5, 0.75, 1], atol=0.02)
    assert shares[-1] == pytest.approx(1, abs=1e-5)


@on("jax")
def test_no_two_examples_on_different_devices_share_their_noise(together, alone):
    _, found = together
    flipout, _, local = found["noise"]
    for steps in (flipout, local):
        rows = np.array(steps).reshape(16, 16)
        assert len(np.unique(rows, axis=0)) == 16
    # It is that of one device: each example's, wherever that is.
    np.testing.assert_allclose(found["noise"], alone["noise"], atol=1e-5)


@on("jax")
@pytest.mark.parametrize("layer", ["keras.layers.Dense(1)", "bl.layers.DenseFlipout(1)"])
def test_an_axis_of_one_is_not_split(layer):
    """As the page says: when JAX learns it, the page is to change."""
    code = """
mesh = keras.distribution.DeviceMesh((2, 2), ("batch", "model"), keras.distribution.list_devices())
layouts = keras.distribution.LayoutMap(mesh)
layouts[".*kernel.*"] = (None, "model")
keras.distribution.set_distribution(
    keras.distribution.ModelParallel(layout_map=layouts, batch_dim_name="batch")
)
try:
    keras.Sequential([keras.Input((4,)), LAYER])
except Exception as error:
    print("refused:", error)
"""
    found = output_of(SET_UP + code.replace("LAYER", layer), **FOUR_DEVICES)
    assert "refused:" in found
    assert "partitioned 2 times, but the dimension size is 1" in found


# The loop of the page, for processes of which each has a part of the batch.
PROCESS = """
import json

divergence = sum(model.losses).item()
layer = bl.layers.DenseFlipout(3, seed=1, bias_posterior_fn=None)
noise = [layer(torch.ones(1, 4)).detach().numpy().ravel().tolist() for _ in range(3)]
means = torch.tensor(losses)
torch.distributed.all_reduce(means)
weights = [weight.tolist() for weight in model.get_weights()]
print(json.dumps([processes, (means / processes).tolist(), divergence, noise, weights]))
"""
# Hardly any noise, so that it does not matter whose it is: a scale of 1e-7, far from the prior's,
# so that a divergence counted twice would show.
STILL = """
noisy_network = network


def network():
    model = noisy_network()
    for variable in model.trainable_variables:
        if variable.path.endswith("untransformed_scale"):
            variable.assign(keras.ops.full(variable.shape, -30.0))
    return model
"""


def run_processes(count):
    code = SET_UP + STILL + block_with("many-machines", "import torch") + PROCESS
    port = str(free_port())
    processes = []
    for rank in range(count):
        environment = {"RANK": rank, "WORLD_SIZE": count, "MASTER_PORT": port}
        environment = {name: str(value) for name, value in environment.items()}
        processes.append(
            subprocess.Popen(
                [sys.executable, "-c", code],
                env=environment_with(MASTER_ADDR="127.0.0.1", **environment),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    try:
        results = [process.communicate(timeout=240) for process in processes]
    finally:
        for process in processes:
            process.kill()
    for process, (_, errors) in zip(processes, results, strict=True):
        assert process.returncode == 0, errors[-3000:]
    return [json.loads(printed.splitlines()[-1]) for printed, _ in results]


@on("torch")
def test_two_processes_in_a_loop_have_the_loss_of_one():
    ((_, losses, divergence, _, weights),) = run_processes(1)
    assert divergence > 0.2 * losses[-1]
    together = run_processes(2)
    for processes, found, once, _, found_weights in together:
        assert processes == 2
        np.testing.assert_allclose(found, losses, rtol=1e-4)
        assert once == pytest.approx(divergence, rel=1e-4)
        for weight, expected in zip(found_weights, weights, strict=True):
            np.testing.assert_allclose(weight, expected, rtol=1e-3, atol=1e-5)
    noise = np.array([each[3] for each in together]).reshape(6, -1)
    assert len(np.unique(noise, axis=0)) == 6
