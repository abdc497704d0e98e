# Each target does its own set-up: a .venv here, with what it needs. Only Python 3.11 or newer and make are required.
PYTHON ?= python3
BIN = .venv/bin

.DELETE_ON_ERROR:
.DEFAULT_GOAL = help
.PHONY: help article test fuzz soak kernels examples executors lint package dev clean

help: ## tell what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

article: .venv/installed ## run the article's experiments: a page of pictures and counts in article/index.html
	$(BIN)/tinymlp article

test: .venv/installed-test ## run the tests, on all processors
	$(BIN)/python -m pytest -n auto

fuzz: .venv/installed-test ## hold 20,000 networks of every kind against integers alone
	PYTHONPATH=tests $(BIN)/python tests/segments/fuzz.py --count 20000

soak: .venv/installed ## kill a study, damage its files and fill its disk, again and again; some minutes
	$(BIN)/python tests/soak.py

kernels: .venv/installed-kernels ## test the CUDA sources without a GPU: on the CPU, and by NVIDIA's compiler
	$(BIN)/python -m pytest tests/gpu -m "not gpu" --require-compilers -n auto
	$(BIN)/python tests/gpu/remove_barriers.py

examples: .venv/installed-examples ## run the examples, and the tests of files of other libraries
	$(BIN)/python -m pytest tests/test_examples.py tests/network --require-formats

executors: .venv/installed-executors ## run sweeps and studies on loky, dask and MPI, and kill their workers
	$(BIN)/python -m pytest tests/runs tests/article/test_own_experiments.py --require-executors

lint: .venv/installed-lint ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

package: .venv/bin/python ## build the sdist and the wheel, and try the wheel in an environment of its own
	rm -rf dist .venv/wheel
	$(BIN)/python -m pip install --quiet build
	$(BIN)/python -m build --outdir dist .
	$(BIN)/python -m zipfile -l dist/*.whl > .venv/wheel.txt
	for file in $$(find tinymlp -type f ! -path '*/__pycache__/*'); do \
	    grep -qF "$$file " .venv/wheel.txt || { echo "the wheel lacks $$file"; exit 1; }; done
	$(PYTHON) -m venv .venv/wheel
	.venv/wheel/bin/python -m pip install --quiet dist/*.whl
	cd .venv && wheel/bin/tinymlp --version && wheel/bin/tinymlp fit exp --epochs 2
	cd .venv && wheel/bin/python -c "from tinymlp.gpu import kernels; [kernels.source(f) for f in ('layer', 'adam', 'train')]"

dev: .venv/installed-dev ## install all that a developer needs, and the hooks that run before a commit
	$(BIN)/pre-commit install

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("tinymlp needs Python 3.11 or newer, this is " + sys.version) if sys.version_info < (3, 11) else 0'
	$(PYTHON) -m venv .venv || (rm -rf .venv; exit 1)

.venv/installed: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

.venv/installed-%: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[$*]'
	touch $@

clean: ## remove .venv and what was made
	rm -rf .venv dist article article-only
