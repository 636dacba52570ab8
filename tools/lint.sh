#!/bin/sh
# The linters of both languages, and whether the generated files are what their sources give.
# All of them run, even if one fails.
set -eu
# shellcheck source=tools/common.sh
. "$(dirname -- "$0")/common.sh"

failed=
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT

run() {
  say "$1"
  name=$1
  shift
  "$@" || failed="$failed; $name"
}

lint_r() {
  # With the package loaded, lintr knows its functions.
  Rscript -e '
    pkgload::load_all(quiet = TRUE, helpers = FALSE)
    lints <- lintr::lint_package()
    if (dir.exists("examples")) lints <- c(lints, lintr::lint_dir("examples"))
    for (lint in lints) print(lint)
    quit(status = length(lints) > 0)
  '
}

# What lintr finds and what roxygen2 writes changes with their versions, so only those that
# DESCRIPTION names are asked.
is_pinned() { # PACKAGE FIELD
  Rscript -e '
    wanted <- commandArgs(TRUE)
    pinned <- read.dcf("DESCRIPTION", wanted[[2]])[[1]]
    quit(status = !identical(pinned, format(packageVersion(wanted[[1]]))))
  ' "$@" >/dev/null 2>&1
}

run_pinned() { # PACKAGE FIELD FUNCTION
  if is_pinned "$1" "$2"; then
    run "$1" "$3"
  else
    say "$1: skipped, as its version here is not that of $2 in DESCRIPTION"
  fi
}

roxygen_is_current() {
  cp -R DESCRIPTION NAMESPACE R man inst "$temp"
  (cd "$temp" && Rscript -e 'roxygen2::roxygenise()' >roxygen.log 2>&1) || {
    cat "$temp/roxygen.log"
    return 1
  }
  if ! diff -u NAMESPACE "$temp/NAMESPACE" || ! diff -ru man "$temp/man"; then
    say "NAMESPACE or man/ is not what roxygen2 writes: run make generate."
    return 1
  fi
}

run "ruff check" .venv/bin/python -m ruff check --extend-exclude .Rlib,.check .
run "ruff format" .venv/bin/python -m ruff format --check --exclude .venv,.Rlib,.check .
run "generated files of R" .venv/bin/python tools/generate_r.py --check
run "stubs" .venv/bin/python tools/generate_stubs.py --check
run shellcheck .venv/bin/shellcheck -x tools/*.sh .ci/run
run mypy .venv/bin/python -m mypy
if r_ready; then
  run_pinned lintr Config/bayeslayers/lintr lint_r
  run_pinned roxygen2 RoxygenNote roxygen_is_current
else
  say "lintr and roxygen2: skipped, as R was left out"
fi

if [ -n "$failed" ]; then
  say "Failed: ${failed#; }"
  exit 1
fi
