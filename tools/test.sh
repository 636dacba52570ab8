#!/bin/sh
# test.sh PART...: runs the tests of each part (python, jax, jax-contract, torch, oldest, r,
# keras3, parity, soak), all of them even if one fails.
# A part that cannot run here is left out with a word, unless no other is asked for.
set -eu
# shellcheck source=tools/common.sh
. "$(dirname -- "$0")/common.sh"

failed=

# The package is loaded from the sources, so these are the files that one has just edited.
# test_r [FILTER]
test_r() {
  # shellcheck disable=SC2016 # it is R's dollar
  # testthat would stop at the tenth failure; all of them are wanted. Two files at a time are read.
  TESTTHAT_MAX_FAILS=Inf TESTTHAT_CPUS=2 Rscript -e '
    filter <- commandArgs(TRUE)
    if (!length(filter)) filter <- NULL
    results <- as.data.frame(testthat::test_local(filter = filter, stop_on_failure = FALSE))
    bad <- results$failed > 0 | results$error
    skipped <- results$skipped & !bad
    good <- !bad & !skipped
    seconds <- sort(tapply(results$real, results$file, sum), decreasing = TRUE)
    cat("Slowest files:\n", sprintf("%5.0f s %s\n", head(seconds, 10), names(head(seconds, 10))), sep = "")
    cat(sprintf("%d passed, %d failed, %d skipped\n", sum(good), sum(bad), sum(skipped)))
    quit(status = any(bad) || !nrow(results))
  ' "$@"
}

# What users of R do, on another backend of Keras; the other files are of R alone, or take long.
r_core='^(coerce(-data)?|composition|distributions|functions|models|posterior|rstantools|sessions|tfp|training)$'

# What holds for one part alone is set in a subshell, from here on.
# shellcheck disable=SC2030,SC2031
test_r_on() { # BACKEND PYTHON FILTER
  (
    export KERAS_BACKEND="$1" RETICULATE_PYTHON="$PWD/$2" JAX_DISABLE_MOST_OPTIMIZATIONS=true
    test_r "$3"
  )
}

# With keras3 attached from the start, as its users have it.
test_r_with_keras3() {
  (
    export R_DEFAULT_PACKAGES=datasets,utils,grDevices,graphics,stats,methods,keras3
    test_r
  )
}

# The code of every page, with whatever keras3 R finds.
run_pages() {
  Rscript -e '
    for (page in list.files("vignettes", "[.]Rmd$", full.names = TRUE)) {
      took <- system.time(rmarkdown::render(
        page,
        output_dir = tempdir(), intermediates_dir = tempfile(), knit_root_dir = normalizePath("vignettes"),
        envir = new.env(), quiet = TRUE
      ))
      cat(sprintf("%s: %.0f s\n", basename(page), took[["elapsed"]]))
    }
  '
}

run_examples() {
  for script in examples/*/*.R; do
    say "$script"
    Rscript "$script" || return
  done
}

# The Python tests in two processes: most of a test is one thread's work.
test_python() { # PYTHON
  "$1" -m pytest --numprocesses 2 --dist worksteal tests/python
}

# Those that hold on each backend. What JAX compiles is called a few times: it need not be fast.
# shellcheck disable=SC2030,SC2031
test_on() { # BACKEND PYTHON FILES...
  (
    export KERAS_BACKEND="$1" JAX_DISABLE_MOST_OPTIMIZATIONS=true OMP_NUM_THREADS=1
    python=$2
    shift 2
    "$python" -m pytest --numprocesses 2 --dist worksteal "$@"
  )
}

# What every layer promises, from one table: shapes, arithmetic, divergence, files, seeds.
contract="tests/python/test_family.py tests/python/test_family_estimators.py tests/python/test_files.py
  tests/python/test_plain_twins.py"

# run NAME COMMAND...
run() {
  name=$1
  shift
  say "Tests: $name"
  "$@" || failed="$failed $name"
}

# Reasons are given at the end, where they are seen.
left_out=

for part in "$@"; do
  case $part in
    python)
      run Python test_python .venv/bin/python
      ;;
    jax)
      run "Python on JAX" test_on jax .venv/bin/python tests/python
      if r_ready; then run "R on JAX" test_r_on jax .venv/bin/python "$r_core"; fi
      ;;
    jax-contract)
      # shellcheck disable=SC2086 # several files
      run "the contract on JAX" test_on jax .venv/bin/python $contract
      ;;
    torch)
      run "Python on PyTorch" test_on torch .venv-torch/bin/python tests/python
      if r_ready; then run "R on PyTorch" test_r_on torch .venv-torch/bin/python '^torch$'; fi
      ;;
    oldest)
      run "Python, oldest versions" test_python .venv-oldest/bin/python
      # shellcheck disable=SC2086 # several files
      run "the contract on JAX, oldest versions" test_on jax .venv-oldest-jax/bin/python $contract
      ;;
    r)
      if r_ready; then
        run R test_r
      else
        left_out=.Rlib/.ready
      fi
      ;;
    keras3)
      export R_LIBS="$PWD/.Rlib-keras3:$R_LIBS"
      run "R, with keras3" test_r_with_keras3
      run "pages, with keras3" run_pages
      run "examples, with keras3" run_examples
      ;;
    parity)
      if parity_ready && r_ready; then
        run parity .venv/bin/python-parity -m pytest --numprocesses 2 --dist loadfile tests/parity
      else
        left_out=${left_out:-.venv/.parity}
      fi
      ;;
    soak)
      export BAYESLAYERS_SOAK=true
      run "Python, properties at length" .venv/bin/python -m pytest tests/python/test_properties.py
      # A file stays in one process: what its tests share is long in the making.
      run "Python, what takes long" .venv/bin/python -m pytest --numprocesses 2 --dist loadfile \
        -m soak --ignore tests/python/test_properties.py tests/python
      run "the same on JAX" test_on jax .venv/bin/python -m soak tests/python
      run "the same on PyTorch" test_on torch .venv-torch/bin/python -m soak tests/python
      if parity_ready && r_ready; then
        run "parity of all examples" .venv/bin/python-parity -m pytest tests/parity/test_examples.py
      fi
      run "installation into an empty environment" .venv/bin/python -m pytest tests/python/test_packaging.py
      if r_ready; then run "R, all types" test_r types; else left_out=.Rlib/.ready; fi
      ;;
    *)
      echo "test.sh: no such part: $part" >&2
      exit 2
      ;;
  esac
done

if [ -n "$left_out" ]; then
  why_not "$left_out"
  [ $# -gt 1 ] || exit 1
fi
if [ -n "$failed" ]; then
  say "Failed:$failed"
  exit 1
fi
