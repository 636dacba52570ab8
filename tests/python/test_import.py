"""What `import bayeslayers` needs, and what it leaves alone; each in a process of its own."""

from textwrap import dedent

import pytest
from frameworks import BACKEND
from processes import output_of, run_python, without

import bayeslayers

FRAMEWORKS = ("tensorflow", "jax", "torch")
LIBRARIES = ("tensorflow_probability", "tf_keras")


def error_of(code, **environment):
    """The last line that a process prints which ends with an error: its class and words."""
    process = run_python(code, **environment)
    assert process.returncode != 0
    return process.stderr.strip().splitlines()[-1]


def only_configured(home):
    """The environment in which Keras takes the backend of a configuration file, or its default."""
    return {"KERAS_HOME": str(home), "KERAS_BACKEND": None}


def install(backend):
    return f"pip install 'bayeslayers[{backend}]'"


@pytest.mark.parametrize("backend", ["numpy", "openvino", "tenserflow"])
def test_a_backend_that_is_not_supported_is_refused(backend):
    last = error_of("import bayeslayers", KERAS_BACKEND=backend)
    assert ".BackendError: " in last
    assert 'one of the backends "tensorflow", "jax", "torch"' in last
    assert f"Received: KERAS_BACKEND='{backend}'" in last


@pytest.mark.parametrize("backend", ["numpy", "openvino"])
def test_so_it_is_where_a_configuration_file_names_it(backend, tmp_path):
    (tmp_path / "keras.json").write_text(f'{{"backend": "{backend}"}}')
    last = error_of("import bayeslayers", **only_configured(tmp_path))
    assert ".BackendError: " in last
    assert f"'{backend}'" in last.partition("Received: ")[2]


def test_so_it_is_where_keras_runs_on_it_already():
    pytest.importorskip("jax", reason="Keras needs JAX to run on NumPy.")
    code = """
        import os

        import keras

        del os.environ["KERAS_BACKEND"]
        import bayeslayers
    """
    last = error_of(code, KERAS_BACKEND="numpy")
    assert "Received: Keras already running on 'numpy'" in last


@pytest.mark.parametrize("backend", FRAMEWORKS)
def test_the_line_that_installs_a_backend_is_told_where_it_is_missing(backend):
    code = without(*FRAMEWORKS, *LIBRARIES) + "import bayeslayers"
    last = error_of(code, KERAS_BACKEND=backend)
    assert ".MissingBackendError: " in last
    assert f"KERAS_BACKEND='{backend}' asks for it" in last
    assert last.endswith(install(backend))


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_so_it_is_where_a_configuration_file_asks_for_it(backend, tmp_path):
    (tmp_path / "keras.json").write_text(f'{{"backend": "{backend}"}}')
    last = error_of(without(backend) + "import bayeslayers", **only_configured(tmp_path))
    assert "a Keras configuration file asks for it" in last
    assert last.endswith(install(backend))


def test_three_lines_are_told_where_there_is_no_backend(tmp_path):
    code = without(*FRAMEWORKS, *LIBRARIES) + "import bayeslayers"
    lines = run_python(code, **only_configured(tmp_path)).stderr.strip().splitlines()[-4:]
    assert "needs a backend of Keras, and none is installed" in lines[0]
    assert [line.strip() for line in lines[1:]] == [install(backend) for backend in FRAMEWORKS]


@pytest.mark.parametrize("others", [("jax",), ("torch",), ("jax", "torch")])
def test_a_backend_that_is_there_is_told_of_and_not_taken(others, tmp_path):
    # `find_spec` finds what is in `sys.modules`, so these need not be installed.
    missing = {*FRAMEWORKS, *LIBRARIES} - set(others)
    stand_ins = f"import sys\nsys.modules.update(dict.fromkeys({others}, sys))\n"
    code = without(*missing) + stand_ins + "import bayeslayers"
    last = error_of(code, **only_configured(tmp_path))
    assert ".MissingBackendError: " in last
    settings = " or ".join(f"KERAS_BACKEND={name}" for name in others)
    assert f"Set {settings} in the environment before `keras` is imported" in last


@pytest.mark.parametrize(
    ("backend", "missing"),
    [("tensorflow", LIBRARIES), ("tensorflow", LIBRARIES[1:]), ("jax", LIBRARIES[:1])],
)
def test_the_libraries_of_distributions_are_asked_for_at_once(backend, missing):
    pytest.importorskip(backend)
    last = error_of(without(*missing) + "import bayeslayers", KERAS_BACKEND=backend)
    assert f"On '{backend}' bayeslayers needs {' and '.join(missing)}. " in last
    assert last.endswith(install(backend))


def test_what_else_is_missing_is_left_to_its_own_words():
    last = error_of(without("absl") + "import bayeslayers", KERAS_BACKEND=BACKEND)
    assert last == "ModuleNotFoundError: No module named 'absl'"


def test_the_error_is_an_import_error():
    code = """
        try:
            import bayeslayers
        except ImportError as error:
            print(type(error).__name__)
    """
    assert output_of(code, KERAS_BACKEND="numpy").strip() == "BackendError"
    assert output_of(without("jax") + dedent(code), KERAS_BACKEND="jax").strip() == (
        "MissingBackendError"
    )


def test_tensorflow_probability_waits_for_its_first_use():
    """On PyTorch it is never used."""
    code = """
        import sys
        import keras
        import numpy as np
        import bayeslayers

        def loaded():
            return sorted({"tensorflow_probability", "tf_keras"} & set(sys.modules))

        print(loaded())
        layer = bayeslayers.layer_conv_1d_flipout(filters=8, kernel_size=5)
        print(loaded())
        model = keras.Sequential([layer])
        model.compile("adam", "mse", jit_compile=False)
        model.fit(np.ones((4, 10, 3)), np.ones((4, 6, 8)), verbose=0)
        model.predict(np.ones((4, 10, 3)), verbose=0)
        bayeslayers.predict_draws(model, np.ones((4, 10, 3)), verbose=0)
        print(loaded())
        layer.kernel_posterior
        print(loaded())
    """
    used = {
        "tensorflow": ["tensorflow_probability", "tf_keras"],
        "jax": ["tensorflow_probability"],
        "torch": [],
    }
    lines = output_of(code, KERAS_BACKEND=BACKEND).splitlines()
    assert lines == ["[]", "[]", "[]", str(used[BACKEND])]


def test_every_public_name_is_there():
    assert {"layer_conv_1d_flipout", "layers", "tfd_sample", "ArgumentError"} <= set(
        bayeslayers.__all__
    )
    for name in bayeslayers.__all__:
        assert getattr(bayeslayers, name) is not None


def test_the_import_changes_no_random_numbers():
    """A seed may be set before it: R imports the package when its first function is called."""
    code = """
        import random

        import keras
        import numpy

        keras.utils.set_random_seed(1)
        before = random.getstate(), str(numpy.random.get_state())
        import bayeslayers
        import bayeslayers.testing

        print(before == (random.getstate(), str(numpy.random.get_state())))
    """
    assert output_of(code).splitlines()[-1] == "True"
