"""Names of JAX that are not public, and what TensorFlow Probability needs to import on it.

`tests/python/test_backend_jax.py` pins what we rely on, and fails when a line is needless. Those of
Keras stand in `bayeslayers/compat.py`.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from types import ModuleType

import jax

from bayeslayers.backend import tfp_distributions


def double_precision() -> AbstractContextManager[None]:
    """Return a context in which JAX computes in double precision.

    JAX has it in `jax` from 0.8 on, and had it in `jax.experimental` before.
    """
    home = jax if hasattr(jax, "enable_x64") else jax.experimental
    return home.enable_x64(True)


def tensorflow_probability() -> ModuleType:
    """Return TensorFlow Probability's JAX substrate.

    Its releases up to 0.25 read a name when they are imported that JAX has moved: in JAX 0.10,
    `jax.interpreters.xla` has no `pytype_aval_mappings`. Its nightly builds need no such line.
    """
    from jax._src import core
    from jax.interpreters import xla

    if not hasattr(xla, "pytype_aval_mappings"):
        xla.pytype_aval_mappings = core.pytype_aval_mappings
    from tensorflow_probability.substrates import jax as substrate
    from tensorflow_probability.substrates.jax.bijectors import pad

    tfp_distributions.mend(pad)
    return substrate
