#!/bin/sh
# Runs the benchmarks; what is passed on goes to benchmarks/bench.py.
set -eu
# shellcheck source=tools/common.sh
. "$(dirname -- "$0")/common.sh"

say "The variance of the gradient against the size of the batch"
.venv/bin/python benchmarks/gradient_variance.py
say "Draws of the predictive distribution"
.venv/bin/python benchmarks/predictive.py
say "A training step, in turn with Keras's deterministic layer and TensorFlow Probability's"
.venv/bin/python benchmarks/bench.py "$@"
say "Done. The results:"
find benchmarks/results -type f | sort | sed 's/^/    /'
