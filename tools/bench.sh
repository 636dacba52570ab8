#!/bin/sh
# Runs the benchmarks; what is passed on goes to benchmarks/bench.py.
set -eu
# shellcheck source=tools/common.sh
. "$(dirname -- "$0")/common.sh"
python=.venv-bench/bin/python

say "The variance of the gradient against the size of the batch"
$python benchmarks/gradient_variance.py
say "Draws of the predictive distribution"
$python benchmarks/predictive.py
say "A training step on each backend, in turn with Keras's own layers and other libraries'"
$python benchmarks/bench.py "$@"
say "Done. The results:"
find benchmarks/results -type f | sort | sed 's/^/    /'
