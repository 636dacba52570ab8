#!/bin/sh
# Asks for known vulnerabilities of everything in .venv; needs a network.
set -eu
# shellcheck source=tools/common.sh
. "$(dirname -- "$0")/common.sh"

python=$(tools/find-python.sh)
[ -x .venv-audit/bin/python ] || "$python" -m venv .venv-audit
.venv-audit/bin/python -m pip install --quiet --disable-pip-version-check 'pip-audit>=2.7,<3'
installed=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
say "pip-audit"
.venv-audit/bin/python -m pip_audit --path "$installed"
