#!/bin/sh
# Installs the R package into .Rlib, where demo and tests find it: the R of the machine stays
# as it was.
set -eu
# shellcheck source=tools/common.sh
. "$(dirname -- "$0")/common.sh"

if r_ready; then
  say "Installing the R package into .Rlib"
  quietly .Rlib/.install.log R CMD INSTALL -l .Rlib .
fi
touch .Rlib/.bayeslayers
