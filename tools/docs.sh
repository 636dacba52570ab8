#!/bin/sh
# Builds the site: a landing page, the R half by pkgdown and the Python half by Sphinx. Both run
# the code of every page.
set -eu
# shellcheck source=tools/common.sh
. "$(dirname -- "$0")/common.sh"

say "The Python half, by Sphinx"
rm -rf site docs/reference
mkdir -p site
# Warnings fail, and so does an error in a page.
quietly .venv/docs.log .venv/bin/python -m sphinx -q -W --keep-going -d .venv/.doctrees -b html \
  docs site/python
rm -r site/jupyter_execute # the pages as notebooks, once run

if r_docs_ready; then
  say "The R half, by pkgdown"
  quietly .Rlib/docs.log Rscript -e '
    options(pkgdown.internet = FALSE)
    # For links, it would ask CRAN for the addresses of packages that are not installed here.
    no_urls <- function() data.frame(Package = character(), URL = character())
    utils::assignInNamespace("CRAN_urls", no_urls, "downlit")
    pkgdown::build_site(preview = FALSE, install = FALSE, new_process = FALSE)
  '
else
  why_not .Rlib/.docs
fi
cp docs/landing.html site/index.html
cp man/figures/el_nino.png site/
say "The site: site/index.html"
