#!/bin/sh
# setup-keras3.sh FOLDER: installs the R package keras3, and what it needs and Debian lacks, into
# .Rlib-keras3, from checkouts of their sources in FOLDER. These lines fill an empty one:
#
#   git clone https://github.com/rstudio/config
#   git clone https://github.com/rstudio/reticulate
#   git clone https://github.com/t-kalinowski/tfautograph
#   git clone https://github.com/rstudio/tfruns
#   git clone https://github.com/rstudio/tensorflow
#   git clone https://github.com/kevinushey/dotty
#   git clone https://github.com/rstudio/keras3
#
# A checkout that is missing is left out where R has the package already.
set -eu
# shellcheck source=tools/common.sh
. "$(dirname -- "$0")/common.sh"

# Each package after those that it needs.
packages="config reticulate tfautograph tfruns tensorflow dotty keras3"
# What they need of packages that Debian has.
from_debian="backports base64enc fastmap generics glue lifecycle processx rstudioapi tidyselect \
whisker yaml zeallot"

library=$root/.Rlib-keras3
stamp=$library/.ready

give_up() {
  say "$@" >&2
  exit 1
}

has_package() {
  Rscript -e 'quit(status = !requireNamespace(commandArgs(TRUE), quietly = TRUE))' "$1" \
    >/dev/null 2>&1
}

# missing NAME...: those of the packages that R does not find.
missing() {
  for name in "$@"; do
    has_package "$name" || printf '%s ' "$name"
  done
}

sources=${1:-}
[ -n "$sources" ] || give_up "Name the folder of the checkouts: make test-keras3 SOURCES=/path/to/folder" \
  "(the head of tools/setup-keras3.sh says how to fill it)."
[ -d "$sources" ] || give_up "There is no folder $sources."
r_ready || give_up "keras3 needs R, which was left out: $(why_not .Rlib/.ready)"

mkdir -p "$library"
export R_LIBS="$library:$R_LIBS"
# A run that ended early leaves no stamp, and the next begins again.
rm -f "$stamp"

# shellcheck disable=SC2086 # several names
lacking=$(missing $from_debian)
if [ -n "$lacking" ] && [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
  say "Installing Debian packages for R: $lacking"
  # shellcheck disable=SC2046,SC2086 # several names
  DEBIAN_FRONTEND=noninteractive quietly "$library/.apt.log" apt-get install -q -q -y \
    --no-install-recommends -oDPkg::Lock::Timeout=120 -oDpkg::Use-Pty=0 \
    $(printf 'r-cran-%s ' $lacking) || true
  # shellcheck disable=SC2086 # several names
  lacking=$(missing $lacking)
fi
[ -z "$lacking" ] || give_up "keras3 needs these R packages; install them first: $lacking"

for name in $packages; do
  if [ -f "$sources/$name/DESCRIPTION" ]; then
    say "Installing $name $(sed -n 's/^Version: *//p' "$sources/$name/DESCRIPTION")"
    quietly "$library/.install.log" R CMD INSTALL --no-docs --no-test-load -l "$library" \
      "$sources/$name"
  elif has_package "$name"; then
    say "No $sources/$name: the installed $name is taken"
  else
    give_up "There is no $sources/$name, and R has no package $name." \
      "The head of tools/setup-keras3.sh says where its sources are."
  fi
done

say "keras3 is ready: $(Rscript -e '
  versions <- vapply(commandArgs(TRUE), function(name) format(packageVersion(name)), "")
  cat("\n", paste(names(versions), versions, collapse = ", "), "\n", sep = "")
' keras3 reticulate tensorflow | tail -n 1)"
# Where the sources are, so that others are installed when others are asked for.
echo "$sources" >"$stamp"
