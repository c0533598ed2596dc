# `make demo` and `make test` work on a fresh machine with Python 3.11 or newer, git and node.
# Everything lives in .venv and .cache; `make clean` removes both.

SHELL := /bin/sh
# The first Python that is new enough; `make PYTHON=/path/to/python` chooses another.
PYTHON ?= $(shell for name in python3.11 python3.12 python3.13 python3.14 python3; do \
	"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$name"; break; }; done)
PYTHON313 ?= $(firstword $(wildcard $(HOME)/.pyenv/versions/3.13*/bin/python) $(shell command -v python3.13))
PYTEST_ARGS ?=

VENV := .venv
STAMP := $(VENV)/.installed
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help demo test lint types bench test-313 clean

help: ## list what can be made
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

# Only a changed pyproject.toml installs anything again.
$(STAMP): pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; install it, or say make PYTHON=…" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[all,dev]'
	@touch $@

demo: $(STAMP) ## run examples/repo-digest through the command line, on this repository
	PATH="$(CURDIR)/$(BIN):$$PATH" ael run examples/repo-digest/repo-digest.ael.yaml --mcp examples/repo-digest/mcp.json -i repo=$(CURDIR)

test: $(STAMP) ## run all tests
	$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: $(STAMP) ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP) ## mypy and pyright
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python

bench: $(STAMP) ## cost per step against bare asyncio, of an item of a loop, and of importing; fails over the limits
	$(BIN)/python -m benchmarks.overhead --gate
	$(BIN)/python -m benchmarks.for_each --gate
	$(BIN)/python -m benchmarks.imports --gate
	$(BIN)/python -m benchmarks.check --gate

test-313: ## the unit tests on Python 3.13
	@test -n "$(PYTHON313)" || { echo "Python 3.13 is not here; say make test-313 PYTHON313=…" >&2; exit 1; }
	$(MAKE) test VENV=.venv-313 PYTHON="$(PYTHON313)" PYTEST_ARGS="tests/unit tests/properties $(PYTEST_ARGS)"

clean: ## remove what was made
	rm -rf .venv .venv-313 .cache build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage htmlcov
