# shellcheck shell=sh
# Sourced by the other scripts: the environment they share, and how they speak.

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root" || exit

# R looks into the project's own library first; reticulate uses the project's own Python.
export R_LIBS="$root/.Rlib${R_LIBS:+:$R_LIBS}"
export RETICULATE_PYTHON="$root/.venv/bin/python"
# TensorFlow's start-up remarks about the processor are no news to anybody here.
export TF_CPP_MIN_LOG_LEVEL="${TF_CPP_MIN_LOG_LEVEL:-2}"
# Bare machines have no locale set, which leaves R with ASCII.
case ${LC_ALL:-${LC_CTYPE:-${LANG:-}}} in
  *[Uu][Tt][Ff]*) ;;
  *) export LC_ALL=C.UTF-8 ;;
esac
# The flags of our own make are not meant for the makes that R CMD INSTALL and pip start.
unset MAKEFLAGS MFLAGS MAKELEVEL

say() {
  printf '==> %s\n' "$*"
}

# Whether a part was set up: its stamp holds the word "ready", or else the reason why not.
r_ready() {
  grep -qx ready .Rlib/.ready 2>/dev/null
}

r_docs_ready() {
  grep -qx ready .Rlib/.docs 2>/dev/null
}

parity_ready() {
  grep -qx ready .venv/.parity 2>/dev/null
}

# why_not STAMP: the reason that set-up left there.
why_not() {
  cat "$1" 2>/dev/null || say "Not set up yet: run make setup."
}

# quietly LOG COMMAND...: keeps the output in a file, and shows its end only if the command fails.
quietly() {
  log=$1
  shift
  "$@" >"$log" 2>&1 && return
  status=$?
  tail -n 30 "$log" >&2
  return "$status"
}
