# What a newcomer and CI run. `make demo` and `make test` need Python 3.11 (or 3.12) and the package registries.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
EXTRA ?= cpu
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed-$(EXTRA)
DEV_STAMP := $(VENV)/.installed-$(EXTRA)-dev

.PHONY: help venv demo test test-all lint clean

help:
	@echo "make demo      install, fetch a few real sounds, index them, search them in several languages"
	@echo "make test      the test suite (make test-all: the slow tests too)"
	@echo "make lint      ruff, pyright, import-linter"
	@echo "make venv      only the virtual environment (EXTRA=gpu for faiss-gpu)"
	@echo "make clean     remove what the demo and the tools left; keeps the virtual environment"

venv: $(STAMP)

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 13) else f"Python 3.11 or 3.12 is needed, this is {sys.version.split()[0]}: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)

# The stamps are renewed when pyproject.toml changes; pip then only adds what is missing. Python compiles what is imported
# when it is: compiling all of torch and transformers beforehand takes a minute.
INSTALL := $(BIN)/python -m pip install --no-compile --editable

$(STAMP): pyproject.toml | $(BIN)/python
	$(INSTALL) '.[$(EXTRA)]'
	@touch $@

$(DEV_STAMP): pyproject.toml | $(BIN)/python
	$(INSTALL) '.[$(EXTRA),dev]'
	@touch $@ $(STAMP)

demo: $(STAMP)
	$(BIN)/python examples/demo.py

# A process of tests for each core, and one thread in each: networks this small gain nothing from more.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile

test: $(DEV_STAMP)
	$(PYTEST)

test-all: $(DEV_STAMP)
	$(PYTEST) -m 'not gpu'

lint: $(DEV_STAMP)
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports

clean:
	rm -rf .demo build dist *.egg-info .pytest_cache .ruff_cache .hypothesis .import_linter_cache
