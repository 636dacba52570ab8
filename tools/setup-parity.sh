#!/bin/sh
# Adds rpy2 to .venv, which the tests that compare R with Python use. They are left out where
# rpy2 cannot be built: that stops nothing else.
set -eu
# shellcheck source=tools/common.sh
. "$(dirname -- "$0")/common.sh"

if ! r_ready; then
  echo "==> The parity tests need R, which was left out." >.venv/.parity
  exit 0
fi

say "Installing rpy2 into .venv, for the parity tests"
# rpy2 compiles against R's headers. Importing it shows whether what was built fits this R.
if ! quietly .venv/parity.log .venv/bin/python -m pip install --disable-pip-version-check -e '.[parity]' ||
  ! quietly .venv/parity.log .venv/bin/python -c 'import rpy2.rinterface'; then
  echo "==> The parity tests are left out: rpy2 could not be built. It needs a C compiler and the" \
    "headers of R and Python (Debian, Ubuntu: sudo apt-get install r-base-dev python3-dev)." |
    tee .venv/.parity
  exit 0
fi

# In these tests R runs inside Python, and reticulate looks up the Python around it by opening the
# file that Python's functions come from. That has to be a shared library, but the python3 of
# Debian has them in the executable itself. So the tests are started by a Python whose main
# program is this one line, with all the rest in libpython.
launcher=.venv/bin/python-parity
rm -f "$launcher"
flags=$(.venv/bin/python -c '
from sysconfig import get_config_var as var
print(f"""-L{var("LIBDIR")} -Wl,-rpath,{var("LIBDIR")} -lpython{var("LDVERSION")}""")')
# shellcheck disable=SC2086
if ! echo 'int Py_BytesMain(int, char **); int main(int n, char **v) { return Py_BytesMain(n, v); }' |
  ${CC:-cc} -x c - -o "$launcher" $flags >.venv/parity.log 2>&1 || ! "$launcher" -c 'import rpy2'; then
  ln -sf python "$launcher" # good enough where Python was linked with its library
fi
echo ready >.venv/.parity
