# Each target does its own set-up: a .venv here, with what it needs. Only Python 3.11 or newer and make are required.
PYTHON ?= python3
BIN = .venv/bin

.DELETE_ON_ERROR:
.PHONY: article test kernels examples lint clean

article: .venv/installed
	$(BIN)/tinymlp article

test: .venv/installed-test
	$(BIN)/python -m pytest

kernels: .venv/installed-kernels
	$(BIN)/python -m pytest tests/gpu --require-compilers -m "not gpu"
	$(BIN)/python tests/gpu/remove_barriers.py

examples: .venv/installed-examples
	$(BIN)/python examples/digits.py --picture .venv/digits.png

lint: .venv/installed-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("tinymlp needs Python 3.11 or newer, this is " + sys.version) if sys.version_info < (3, 11) else 0'
	$(PYTHON) -m venv .venv || (rm -rf .venv; exit 1)

.venv/installed: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

.venv/installed-%: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[$*]'
	touch $@

clean:
	rm -rf .venv article article-only
