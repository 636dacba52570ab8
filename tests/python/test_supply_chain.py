"""What the package needs, and what it does not: few dependencies, all bounded, and no network."""

import re
from pathlib import Path

import pytest
from processes import output_of

from bayeslayers.backend.choice import SUPPORTED

# Sockets that lead out of the process are refused, and every attempt is kept.
REFUSE = """
import socket

attempts = []


def refused(*arguments, **further):
    attempts.append(arguments)
    raise OSError("no network in this test")


socket.socket.connect = socket.socket.connect_ex = refused
socket.create_connection = socket.getaddrinfo = socket.gethostbyname = refused
"""

USE = """
import keras
import numpy as np

import bayeslayers as bl

model = keras.Sequential([keras.Input((6, 2))])
model = bl.layer_conv_1d_flipout(model, 2, 3)
model.add(keras.layers.Flatten())
model = bl.scale_kl(bl.layer_dense_reparameterization(model, 1), 8)
model = bl.layer_distribution_lambda(model, lambda t: bl.tfd_normal(t, 1.0))
model.compile("sgd", lambda y, d: -bl.tfd_log_prob(d, y))
x, y = np.ones((8, 6, 2)), np.ones((8, 1))
model.fit(x, y, verbose=0)
bl.predictive_summary(model, x, draws=3, verbose=0)
bl.kl_divergence(model)
model.save_weights("m.weights.h5")
model.load_weights("m.weights.h5")
"""


def test_nothing_is_asked_of_a_network(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert output_of(f"{REFUSE}{USE}print(attempts)").splitlines()[-1] == "[]"


def test_an_attempt_would_be_seen():
    code = f"""{REFUSE}
import urllib.request

try:
    urllib.request.urlopen("http://127.0.0.1:9/")
except OSError:
    print(len(attempts))
"""
    assert int(output_of(code).split()[-1]) >= 1


PROJECT = Path(__file__).parents[2] / "pyproject.toml"


def requirements():
    tomllib = pytest.importorskip("tomllib", reason="reads TOML from Python 3.11 on")
    return tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]


def test_every_requirement_is_bounded_on_both_sides():
    project = requirements()
    extras = project["optional-dependencies"].values()
    for requirement in [*project["dependencies"], *(each for extra in extras for each in extra)]:
        assert re.fullmatch(r"[a-z0-9-]+(==[\d.]+|>=[\d.]+,<[\d.]+)", requirement), requirement


def names(requirements):
    return [re.match(r"[a-z-]+", each)[0] for each in requirements]


def test_the_dependencies_are_the_reviewed_ones():
    project = requirements()
    assert names(project["dependencies"]) == ["keras", "numpy", "pandas", "scipy", "scoringrules"]


@pytest.mark.parametrize(
    ("backend", "reviewed"),
    [
        ("tensorflow", ["tensorflow", "tensorflow-probability", "tf-keras"]),
        ("jax", ["jax", "tensorflow-probability"]),
        ("torch", ["torch"]),
    ],
)
def test_a_backend_asks_for_the_reviewed_packages(backend, reviewed):
    assert names(requirements()["optional-dependencies"][backend]) == reviewed


def test_every_backend_can_be_installed_by_its_name():
    assert set(SUPPORTED) <= set(requirements()["optional-dependencies"])
