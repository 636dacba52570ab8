#!/bin/sh
# R CMD check of the package as R CMD build makes it. An error or a warning fails.
# With AS_CRAN=1 it is checked as CRAN does, and what cran-comments.md states is printed.
set -eu
# shellcheck source=tools/common.sh
. "$(dirname -- "$0")/common.sh"

if ! r_ready; then
  say "R CMD check needs R, which was left out."
  exit 1
fi

rm -rf .check
mkdir -p .check/bayeslayers
# R CMD build copies all of its folder before it looks into .Rbuildignore, which with .venv would
# be gigabytes.
tar -cf - --exclude='./.venv*' --exclude='./.Rlib*' --exclude=./.check --exclude=./site --exclude=./.git . |
  tar -xf - -C .check/bayeslayers

cd .check
say "R CMD build"
R CMD build bayeslayers

say "R CMD check"
# An empty repository keeps R from asking the network about other packages.
mkdir -p repository/src/contrib
: >repository/src/contrib/PACKAGES
echo "options(repos = c(none = 'file://$PWD/repository'))" >Rprofile
export R_PROFILE_USER="$PWD/Rprofile"
# Packages in Suggests are not demanded: tests and examples that use one ask for it first.
# The manual as PDF is not made, as that would need LaTeX. The vignettes are not run again: R CMD
# build has just done so, and fails if one does.
# Of tests that fail, more lines than the last 13, which do not say which test it was.
status=0
start=$(date +%s)
_R_CHECK_FORCE_SUGGESTS_=false _R_CHECK_TESTS_NLINES_=60 \
  R CMD check --no-manual --no-build-vignettes ${AS_CRAN:+--as-cran} bayeslayers_*.tar.gz || status=$?
say "Size of the package: $(($(wc -c <"$(echo bayeslayers_*.tar.gz)") / 1024)) KiB."
say "Time of the check: $(($(date +%s) - start)) seconds."

# R CMD check itself fails on errors only. Its closing line tells of warnings. No notes remain
# that would have to be explained here.
grep -q '^Status: ' bayeslayers.Rcheck/00check.log || status=1
if grep -q '^Status: .*WARNING' bayeslayers.Rcheck/00check.log; then
  status=1
fi
if grep -q '^Status: .*NOTE' bayeslayers.Rcheck/00check.log; then
  say "A note is new: mend it, or explain it in tools/check.sh."
fi
exit "$status"
