#!/bin/sh
# setup-torch.sh REQUIREMENT...: makes .venv-torch, with that PyTorch, the package in place, and what
# tests and demo need. PyPI's own PyTorch for Linux is a build for GPUs, of gigabytes, on most machines.
set -eu
# shellcheck source=tools/common.sh
. "$(dirname -- "$0")/common.sh"

python=$(tools/find-python.sh)
say "Making .venv-torch with $python, and $* in it"
"$python" -m venv --clear .venv-torch
.venv-torch/bin/python -m pip install --quiet --disable-pip-version-check "$@"
.venv-torch/bin/python -m pip install --quiet --disable-pip-version-check -e '.[torch,test,demo]'
echo "$*" >.venv-torch/.ready
