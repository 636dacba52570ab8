#!/bin/sh
# Makes .venv-bench, with everything that the benchmark compares: all three backends, TensorFlow
# Probability's layers, and bayesian-torch's.
set -eu
# shellcheck source=tools/common.sh
. "$(dirname -- "$0")/common.sh"

python=$(tools/find-python.sh)
say "Making .venv-bench with $python"
"$python" -m venv --clear .venv-bench
say "Installing the libraries to compare into .venv-bench (some minutes)"
.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check -e '.[tensorflow,jax,bench]'
echo ready >.venv-bench/.ready
