"""What `import bayeslayers` needs, and what it leaves alone; each in a process of its own."""

import pytest
from processes import output_of, run_python

import bayeslayers


@pytest.mark.parametrize("backend", ["jax", "torch", "numpy"])
def test_another_backend_is_refused(backend):
    process = run_python("import bayeslayers", KERAS_BACKEND=backend)
    assert process.returncode != 0
    last = process.stderr.strip().splitlines()[-1]
    assert "BackendError" in last
    assert '"tensorflow" backend' in last
    assert f"Received: KERAS_BACKEND='{backend}'" in last


def test_another_backend_in_the_configuration_file_is_refused(tmp_path):
    (tmp_path / "keras.json").write_text('{"backend": "jax"}')
    process = run_python("import bayeslayers", KERAS_HOME=str(tmp_path))
    last = process.stderr.strip().splitlines()[-1]
    assert "BackendError" in last
    assert "configuration file that asks for 'jax'" in last


def test_the_error_is_an_import_error():
    code = """
        try:
            import bayeslayers
        except ImportError as error:
            print(type(error).__name__)
    """
    assert output_of(code, KERAS_BACKEND="jax").strip() == "BackendError"


def test_tensorflow_probability_waits_for_its_first_use():
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
    lines = output_of(code, KERAS_BACKEND="tensorflow").splitlines()
    assert lines == ["[]", "[]", "[]", "['tensorflow_probability', 'tf_keras']"]


def test_every_public_name_is_there():
    assert {"layer_conv_1d_flipout", "layers", "tfd_sample", "ArgumentError"} <= set(
        bayeslayers.__all__
    )
    for name in bayeslayers.__all__:
        assert getattr(bayeslayers, name) is not None
