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

# What roxygen2 writes changes with its version, so only the one that DESCRIPTION names is asked.
same_roxygen() {
  Rscript -e '
    note <- read.dcf("DESCRIPTION", "RoxygenNote")[[1]]
    quit(status = !identical(note, format(packageVersion("roxygen2"))))
  ' >/dev/null 2>&1
}

roxygen_is_current() {
  cp -R DESCRIPTION NAMESPACE R man inst python "$temp" # links stay links
  (cd "$temp" && Rscript -e 'roxygen2::roxygenise()' >roxygen.log 2>&1) || {
    cat "$temp/roxygen.log"
    return 1
  }
  if ! diff -u NAMESPACE "$temp/NAMESPACE" || ! diff -ru man "$temp/man"; then
    say "NAMESPACE or man/ is not what roxygen2 writes: run make docs."
    return 1
  fi
}

run "ruff check" .venv/bin/python -m ruff check --extend-exclude .Rlib,.check .
run "ruff format" .venv/bin/python -m ruff format --check --exclude .venv,.Rlib,.check .
run "generated files" .venv/bin/python tools/generate_r.py --check
if r_ready; then
  run "lintr" lint_r
  if same_roxygen; then
    run "roxygen2" roxygen_is_current
  else
    say "roxygen2: skipped, as its version here is not that of RoxygenNote in DESCRIPTION"
  fi
else
  say "lintr and roxygen2: skipped, as R was left out"
fi

if [ -n "$failed" ]; then
  say "Failed: ${failed#; }"
  exit 1
fi
