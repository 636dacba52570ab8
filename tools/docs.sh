#!/bin/sh
# Builds the site: a landing page, the R half by pkgdown and the Python half by Sphinx. Both run
# the code of every page.
set -eu
# shellcheck source=tools/common.sh
. "$(dirname -- "$0")/common.sh"

say "The Python half, by Sphinx"
rm -rf site docs/reference
mkdir -p site .venv/.doctrees
# Three, as two still tell of the processor.
TF_CPP_MIN_LOG_LEVEL=3 .venv/bin/python -m sphinx -q -W --keep-going -d .venv/.doctrees -b html \
  docs site/python
rm -r site/jupyter_execute # the pages as notebooks, once run

if r_docs_ready; then
  say "The R half, by pkgdown"
  Rscript -e '
    options(pkgdown.internet = FALSE)
    pkgdown::build_site(preview = FALSE, install = FALSE)
  '
else
  why_not .Rlib/.docs
fi
cp docs/landing.html site/index.html
cp man/figures/el_nino.png site/
say "The site: site/index.html"
