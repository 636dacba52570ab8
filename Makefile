# Every target works from a fresh clone: it sets up what it needs, once, and no more.
# What was set up lies in .venv (Python) and .Rlib (R); `make clean` removes both.
# PYTHON=/path/to/python3.x chooses the Python that .venv is made with.

# One recipe at a time: two installers at once would fight over the machine's package lock.
.NOTPARALLEL:
.DEFAULT_GOAL := help

# Made by tools/*.sh. A stamp holds the word "ready", or the reason why that part was left out.
# One that is not ready is tried again at every run: the user may have installed R since.
PY_READY := .venv/.ready
R_READY := .Rlib/.ready
R_PACKAGE := .Rlib/.bayeslayers
PARITY_READY := .venv/.parity
DOCS_READY := .venv/.docs
OLDEST_READY := .venv-oldest/.ready .venv-oldest-jax/.ready
BENCH_READY := .venv-bench/.ready
JAX_READY := .venv-jax/.ready
TORCH_READY := .venv-torch/.ready
KERAS3_READY := .Rlib-keras3/.ready
# The build for CPUs where CI runs; what else pip takes may stand here, such as an index to ask.
TORCH ?= torch==2.13.0
retry = $(if $(filter ready,$(shell cat $(1) 2>/dev/null)),,FORCE)

R_SOURCES := $(shell find DESCRIPTION NAMESPACE .Rinstignore R man inst tools/keras3 \
	! -name '*.pyc' ! -name __pycache__ ! -type l 2>/dev/null)

.PHONY: help setup demo test test-python test-jax test-torch test-r test-keras3 test-oldest test-parity soak audit check lint bench reproduce generate docs clean FORCE

help: ## show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' Makefile

setup: $(PY_READY) $(R_PACKAGE) $(PARITY_READY) ## set up Python and, where it can be had, R
	@tools/status.sh

demo: $(if $(filter torch,$(BACKEND)),$(TORCH_READY),$(PY_READY)) $(R_PACKAGE) ## train on a real series from Python and from R, and draw it (BACKEND=jax for another backend)
	@tools/demo.sh $(BACKEND)

test: $(PY_READY) $(JAX_READY) $(R_PACKAGE) $(PARITY_READY) ## all tests: Python on TensorFlow and JAX, R, and one against the other
	@tools/test.sh python jax-contract r parity

test-python: $(PY_READY) $(JAX_READY) ## the Python tests alone, on TensorFlow
	@tools/test.sh python

test-jax: $(PY_READY) $(JAX_READY) $(R_PACKAGE) ## the Python tests that hold on each backend, on JAX, and the core of R's
	@tools/test.sh jax

test-torch: $(TORCH_READY) ## the same on PyTorch (TORCH=torch for another than that of CI)
	@tools/test.sh torch

test-r: $(PY_READY) $(R_PACKAGE) ## the R tests alone
	@tools/test.sh r

test-keras3: $(KERAS3_READY) $(PY_READY) $(R_PACKAGE) ## R's tests, pages and examples with keras3 (SOURCES=folder: see tools/setup-keras3.sh)
	@tools/test.sh keras3

test-oldest: $(OLDEST_READY) ## the Python tests on the oldest versions that are supported, on TensorFlow and JAX
	@tools/test.sh oldest

test-parity: $(PY_READY) $(R_PACKAGE) $(PARITY_READY) ## the tests that compare R with Python
	@tools/test.sh parity

soak: $(PY_READY) $(TORCH_READY) $(R_PACKAGE) $(PARITY_READY) ## what takes too long for make test: many more examples, and installing what is built
	@tools/test.sh soak

audit: $(PY_READY) ## ask for known vulnerabilities of everything that is installed
	@tools/audit.sh

check: $(PY_READY) $(R_READY) ## R CMD check of the built package (AS_CRAN=1 for CRAN's own checks)
	@AS_CRAN=$(AS_CRAN) tools/check.sh

lint: $(PY_READY) $(R_READY) ## ruff, mypy, shellcheck, lintr, and whether the generated files are up to date
	@tools/lint.sh

bench: $(BENCH_READY) ## training steps on each backend against other libraries' (BENCH=--quick for a part, --accelerator for a GPU)
	@tools/bench.sh $(BENCH)

reproduce: $(BENCH_READY) ## the UCI protocol and digits beside other methods (REPRODUCE=--quick, DATA=folder of further sets)
	@tools/reproduce.sh "$(DATA)" $(REPRODUCE)

generate: $(PY_READY) $(R_READY) ## write the generated R files, NAMESPACE and man/ anew
	@tools/generate.sh

docs: $(PY_READY) $(R_PACKAGE) $(DOCS_READY) ## build the site: pages, and a reference for each language
	@tools/docs.sh

clean: ## remove everything that make has made
	rm -rf .venv .venv-oldest .venv-oldest-jax .venv-jax .venv-torch .venv-bench .venv-audit .Rlib .Rlib-keras3 .check build dist site docs/reference .pytest_cache .ruff_cache .hypothesis
	rm -f benchmarks/results/reproduce-quick.*
	find inst tests tools examples -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

$(PY_READY): pyproject.toml tools/setup-python.sh tools/find-python.sh
	@tools/setup-python.sh

$(TORCH_READY): pyproject.toml tools/setup-torch.sh tools/find-python.sh $(if $(filter-out $(shell cat $(TORCH_READY) 2>/dev/null),$(TORCH)),FORCE)
	@tools/setup-torch.sh $(TORCH)

# Where the sources are is in the stamp, so that it is said once.
$(KERAS3_READY): tools/setup-keras3.sh $(if $(filter-out $(shell cat $(KERAS3_READY) 2>/dev/null),$(SOURCES)),FORCE) | $(R_READY)
	@tools/setup-keras3.sh "$(or $(SOURCES),$(shell cat $(KERAS3_READY) 2>/dev/null))"

$(OLDEST_READY): pyproject.toml tools/setup-oldest.sh tools/lower_bounds.py tools/find-python.sh
	@tools/setup-oldest.sh $(@D) $(if $(findstring jax,$@),jax,tensorflow)

$(JAX_READY): pyproject.toml tools/setup-jax.sh tools/find-python.sh
	@tools/setup-jax.sh

$(BENCH_READY): pyproject.toml tools/setup-bench.sh tools/find-python.sh
	@tools/setup-bench.sh

# Status 3 means: no R here, and the reason has been said. The Python half goes on without it.
$(R_READY): DESCRIPTION tools/setup-r.sh $(call retry,$(R_READY))
	@tools/setup-r.sh || [ $$? -eq 3 ]

$(R_PACKAGE): $(R_READY) $(R_SOURCES)
	@tools/install-r-package.sh

$(PARITY_READY): $(PY_READY) $(R_READY) pyproject.toml tools/setup-parity.sh $(call retry,$(PARITY_READY))
	@tools/setup-parity.sh

# The R half of the site is tried again, too, where pkgdown was missing.
$(DOCS_READY): $(PY_READY) $(R_READY) pyproject.toml tools/setup-docs.sh $(call retry,.Rlib/.docs)
	@tools/setup-docs.sh

FORCE:
