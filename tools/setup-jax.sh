#!/bin/sh
# Makes .venv-jax, which holds what the extra "jax" asks for, and so no TensorFlow: for the test that
# none is needed.
set -eu
# shellcheck source=tools/common.sh
. "$(dirname -- "$0")/common.sh"

python=$(tools/find-python.sh)
say "Making .venv-jax, without TensorFlow, with $python"
"$python" -m venv --clear .venv-jax
.venv-jax/bin/python -m pip install --quiet --disable-pip-version-check -e '.[jax]'
echo ready >.venv-jax/.ready
