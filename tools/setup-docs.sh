#!/bin/sh
# Adds what the site is built with: Sphinx to .venv, and pkgdown, a Debian package, to R.
set -eu
# shellcheck source=tools/common.sh
. "$(dirname -- "$0")/common.sh"

say "Installing Sphinx into .venv"
.venv/bin/python -m pip install --quiet --disable-pip-version-check -e '.[docs]'
echo ready >.venv/.docs

if ! r_ready; then
  echo "==> The R half of the site needs R, which was left out." >.Rlib/.docs
  exit 0
fi
has_pkgdown() {
  Rscript -e 'library(pkgdown)' >/dev/null 2>&1
}
if ! has_pkgdown && [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
  say "Installing Debian packages: r-cran-pkgdown"
  DEBIAN_FRONTEND=noninteractive quietly .Rlib/.apt.log apt-get install -q -q -y \
    --no-install-recommends -oDPkg::Lock::Timeout=120 -oDpkg::Use-Pty=0 r-cran-pkgdown || true
fi
if has_pkgdown; then
  echo ready >.Rlib/.docs
else
  echo "==> The R half of the site is left out: pkgdown is missing. Install it, then run make docs:" \
    "sudo apt-get install --no-install-recommends r-cran-pkgdown, or in R" \
    'install.packages("pkgdown").' | tee .Rlib/.docs
fi
