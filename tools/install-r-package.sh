#!/bin/sh
# Installs the R package into .Rlib, where demo and tests find it: the R of the machine stays
# as it was.
set -eu
# shellcheck source=tools/common.sh
. "$(dirname -- "$0")/common.sh"

if r_ready; then
  say "Installing the R package into .Rlib"
  quietly .Rlib/.install.log R CMD INSTALL -l .Rlib .
  # Pages and examples are written for keras3. Where R lacks it, a stand-in takes its place.
  if grep -qs Stand-In .Rlib/keras3/DESCRIPTION; then rm -r .Rlib/keras3; fi
  if ! Rscript -e 'quit(status = !nzchar(system.file(package = "keras3")))'; then
    quietly .Rlib/.install.log R CMD INSTALL --no-docs -l .Rlib tools/keras3
  fi
fi
touch .Rlib/.bayeslayers
