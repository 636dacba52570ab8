#!/bin/sh
# Sees to R, to the R packages that the project uses, and to reticulate 1.41 or later.
# Takes what is missing from Debian's packages (as root), else from the repositories that R is
# configured with, into the project's own library .Rlib. Where that cannot be done it says what
# to install and ends with status 3: the Python half goes on without R.
# Lists of names are split at their blanks on purpose.
# shellcheck disable=SC2086
set -eu
# shellcheck source=tools/common.sh
. "$(dirname -- "$0")/common.sh"

packages="bayesplot cli ggplot2 here jsonlite knitr lintr loo magrittr Matrix pkgload png posterior \
rappdirs Rcpp RcppTOML rlang rmarkdown roxygen2 rstantools testthat withr"

mkdir -p .Rlib
stamp=.Rlib/.ready
rm -f "$stamp"

# left_out SENTENCE...: says why there will be no R half, and keeps it for the closing summary.
left_out() {
  {
    say "The R half is left out."
    printf '    %s\n' "$@"
  } | tee "$stamp"
  exit 3
}

have_r() {
  command -v Rscript >/dev/null && Rscript -e 'quit(status = getRversion() < "4.2")' >/dev/null 2>&1
}

# Which of the given R packages are missing or too old. (The last line: profiles may talk, too.)
missing() {
  if ! have_r; then
    echo "$*"
    return
  fi
  Rscript -e '
    lacks <- function(name) {
      version <- tryCatch(packageVersion(name), error = function(e) NULL)
      is.null(version) || (name == "reticulate" && version < "1.41")
    }
    need <- commandArgs(TRUE)
    cat("\n", need[vapply(need, lacks, NA)], "\n", sep = " ")
  ' "$@" | tail -n 1 | xargs
}

# What Python offers to R and rpy2: "library", "headers", both or neither.
python_offers() {
  "$python" -c '
import glob, os, sysconfig
var = sysconfig.get_config_var
stem = "libpython" + var("py_version_short")
places = [var("LIBPL"), var("LIBDIR"), var("prefix") + "/lib"]
if var("PYTHONFRAMEWORK") or any(glob.glob(f"{p}/{stem}*.{e}*") for p in places if p for e in ("so", "dylib")):
    print("library")
if os.path.exists(sysconfig.get_path("include") + "/Python.h"):
    print("headers")
'
}

# The Python that R will load: that of .venv, or the one that .venv is going to be made with.
python=.venv/bin/python
[ -x "$python" ] || python=$(tools/find-python.sh 2>/dev/null) || python=

# --- Debian's packages -----------------------------------------------------------------------

installed() {
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# The Debian packages that are missing here.
debian_packages() {
  have_r || echo r-base-core
  # The compilers and headers that reticulate and rpy2 are built with.
  installed r-base-dev || echo r-base-dev
  # What rmarkdown makes pages with.
  command -v pandoc >/dev/null || echo pandoc
  # What CRAN's checks measure the size of files with.
  command -v qpdf >/dev/null || echo qpdf
  for name in $(missing $packages); do
    echo "r-cran-$name" | tr '[:upper:]' '[:lower:]'
  done
  # Debian ships the interpreter without its shared library and headers.
  if [ -n "$python" ] && [ "$(python_offers | wc -l)" -lt 2 ]; then
    real=$("$python" -c 'import os, sys; print(os.path.realpath(sys._base_executable))')
    if dpkg-query -S "$real" >/dev/null 2>&1; then
      echo "lib$(basename "$real")-dev"
    fi
  fi
}

debian=
if command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; then
  debian=$(debian_packages | xargs)
  if [ -n "$debian" ] && [ "$(id -u)" -eq 0 ]; then
    say "Installing Debian packages (some minutes the first time): $debian"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -q -q || say "apt-get update failed; trying with the package lists that are here"
    apt-get install -q -q -y --no-install-recommends -oDPkg::Lock::Timeout=120 \
      -oDpkg::Use-Pty=0 $debian >.Rlib/.apt.log 2>&1 || {
      tail -n 20 .Rlib/.apt.log
      left_out "apt-get could not install: $debian"
    }
  fi
fi

if ! have_r; then
  if [ -n "$debian" ]; then
    left_out "R 4.2 or later is missing. Install it, then run make again:" \
      "sudo apt-get update && sudo apt-get install --no-install-recommends $debian"
  else
    left_out "R 4.2 or later is missing. Install it (with a C++ compiler), then in R" \
      "install.packages(c($(printf '"%s", ' $packages)\"reticulate\")) and run make again."
  fi
fi

# --- R's own repositories --------------------------------------------------------------------

lacking=$(missing $packages reticulate)
if [ -n "$lacking" ]; then
  say "Installing R packages into .Rlib: $lacking"
  # The list of packages is asked for first, with little patience: a machine that cannot reach
  # the repository shall not wait minutes to find out.
  Rscript -e '
    if ("@CRAN@" %in% getOption("repos")) {
      options(timeout = 15)
      try(chooseCRANmirror(graphics = FALSE, ind = 1), silent = TRUE)
    }
    options(timeout = 15)
    known <- suppressWarnings(available.packages())
    wanted <- intersect(commandArgs(TRUE), rownames(known))
    options(timeout = 300)
    if (length(wanted)) install.packages(wanted, lib = ".Rlib")
  ' $lacking >.Rlib/.install.log 2>&1 </dev/null || true
  lacking=$(missing $packages reticulate)
fi

# --- reticulate from a later Debian's source -------------------------------------------------

# The reticulate of Debian 12 is too old; that of Debian 13 builds on Debian 12's R. So the
# machine's own entry for Debian is copied, with the later suite and sources in place of
# binaries, to a folder of our own, together with apt's lists: the machine's stay as they are,
# root is not needed, and apt checks the signature as always.
reticulate_from_debian() {
  suite=trixie
  codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  apt=$root/.Rlib/.apt
  rm -rf "$apt"
  mkdir -p "$apt/sources.d" "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/src"

  for file in /etc/apt/sources.list.d/*.sources; do
    [ ! -r "$file" ] || awk -v codename="$codename" -v suite="$suite" '
      BEGIN { RS = ""; FS = "\n" }
      {
        suites = components = " "
        for (i = 1; i <= NF; i++) {
          if ($i ~ /^Suites:/) suites = substr($i, 8) " "
          if ($i ~ /^Components:/) components = substr($i, 12) " "
          if ($i ~ /^Types:/) $i = "Types: deb-src"
          if ($i ~ /^Suites:/) $i = "Suites: " suite
        }
        if (index(suites, " " codename " ") && index(components, " main ")) {
          for (i = 1; i <= NF; i++) print $i
          print ""
        }
      }' "$file"
  done >"$apt/sources.d/debian.sources"

  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [ ! -r "$file" ] || awk -v codename="$codename" -v suite="$suite" '
      $1 == "deb" {
        i = 2 # options in brackets may stand between the type and the address
        if ($i ~ /^\[/) { while (i < NF && $i !~ /\]$/) i++; i++ }
        if ($i !~ /^cdrom/ && $(i + 1) == codename && $0 ~ / main( |$)/) { $1 = "deb-src"; $(i + 1) = suite; print }
      }' "$file"
  done >"$apt/sources.d/debian.list"

  # Dir::Etc::sourcelist must not name the machine's own list, which would be read as well.
  set -- -q -oDir::Etc::sourcelist=/dev/null -oDir::Etc::sourceparts="$apt/sources.d" \
    -oDir::State::Lists="$apt/lists" -oDir::Cache="$apt/cache" -oAPT::Sandbox::User= \
    -oAcquire::Languages=none -oAcquire::http::Timeout=30 -oAcquire::https::Timeout=30
  # An entry that has no such suite fails without harm to the others.
  apt-get "$@" update || true
  (cd "$apt/src" && apt-get "$@" source --download-only --tar-only r-cran-reticulate) || return
  tar -xf "$apt"/src/*.orig.tar.* -C "$apt/src" || return
  R CMD INSTALL -l .Rlib "$apt/src/reticulate" || return
  rm -rf "$apt"
}

if [ "$lacking" = reticulate ] && command -v apt-get >/dev/null; then
  say "Building reticulate from Debian's source package (about a minute)"
  quietly .Rlib/.install.log reticulate_from_debian || say "That did not work."
  lacking=$(missing $packages reticulate)
fi

if [ -n "$lacking" ]; then
  set -- "These R packages are missing or too old: $lacking. Install them, then run make again:" \
    "in R, install.packages(c($(printf '"%s", ' $lacking | sed 's/, $//')))"
  # Debian's reticulate is not what is missing here, so its name is in no such list.
  [ -z "$debian" ] || set -- "$@" \
    "or sudo apt-get update && sudo apt-get install --no-install-recommends $debian"
  left_out "$@" "What was tried is in .Rlib/.install.log."
fi

offers=library
[ -z "$python" ] || offers=$(python_offers)
if [ "${offers#library}" = "$offers" ]; then
  left_out "R needs the shared library of Python, and $("$python" -c 'import sys; print(sys._base_executable)') has none." \
    "Debian, Ubuntu: sudo apt-get install libpython3-dev. Elsewhere take a Python that was" \
    "built with --enable-shared: make clean, then make PYTHON=/path/to/python3.x ..."
fi

say "R is ready: $(Rscript -e 'cat("\n", R.version.string, ", reticulate ", format(packageVersion("reticulate")), "\n", sep = "")' | tail -n 1)"
echo ready >"$stamp"
