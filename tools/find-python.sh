#!/bin/sh
# Prints the path of the Python that .venv is to be made with.
set -eu
# shellcheck source=tools/common.sh
. "$(dirname -- "$0")/common.sh"

# Prints "shared PATH" or "static PATH" for a Python that will do, and otherwise what is amiss.
# reticulate loads Python as a shared library, so an interpreter built without one serves only
# the Python half.
# shellcheck disable=SC2016
judge='
import sys, sysconfig
if not (3, 10) <= sys.version_info[:2] < (3, 14):
    print("version")
else:
    try:
        import ensurepip, venv
    except ImportError:
        print("no-venv")
    else:
        var = sysconfig.get_config_var
        shared = var("Py_ENABLE_SHARED") or var("PYTHONFRAMEWORK")
        print("shared" if shared else "static", sys.executable)
'

if [ -n "${PYTHON:-}" ]; then
  set -- "$PYTHON"
else
  set -- python3.13 python3.12 python3.11 python3.10 python3
fi

static=
no_venv=
for name in "$@"; do
  verdict=$("$name" -c "$judge" 2>/dev/null) || continue
  case $verdict in
    shared\ *)
      printf '%s\n' "${verdict#* }"
      exit 0
      ;;
    static\ *) static=${static:-${verdict#* }} ;;
    no-venv) no_venv=${no_venv:-$name} ;;
  esac
done

if [ -n "$static" ]; then
  printf '==> %s\n' "$static has no shared libpython, so R cannot use it (see PYTHON= in the Makefile)." >&2
  printf '%s\n' "$static"
  exit 0
fi

if [ -n "$no_venv" ]; then
  printf '==> %s\n' "$no_venv cannot make virtual environments. Install its venv module" \
    "(Debian, Ubuntu: sudo apt-get install python3-venv), then run make again." >&2
else
  printf '==> %s\n' "No Python of version 3.10 to 3.13 among: $*. Install one with its venv module" \
    "(Debian, Ubuntu: sudo apt-get install python3 python3-venv), then run make again;" \
    "or name one: make PYTHON=/path/to/python3.12 ..." >&2
fi
exit 1
