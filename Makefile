# Two commands on a fresh machine with Python 3.11+ and make: `make demo` and `make test`.

PYTHON ?= python3
WORKERS ?= 2
PROOFS ?= $(wildcard benchmarks/*.py)
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1

.PHONY: demo test lint format proofs docs clean help

help:
	@echo "make demo    learn a game, a robot and a home in a row, forget, remember; a report to look at"
	@echo "make test    the tests"
	@echo "make lint    style and types"
	@echo "make proofs  the long measurements of benchmarks/, resumed where they stopped; PROOFS='benchmarks/meta.py …' for some"
	@echo "make docs    the documentation as pages, in build/site"
	@echo "make clean   remove what was built (not runs/)"

demo: .venv/installed
	$(BIN)/ludus demo

test: .venv/developed
	LUDUS_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

lint: .venv/developed build/types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

format: .venv/developed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

proofs: .venv/installed
	@failed=; for proof in $(PROOFS); do echo "$$proof"; $(BIN)/python $$proof || failed="$$failed $$proof"; done; \
	test -z "$$failed" || { echo "failed:$$failed"; exit 1; }

docs: .venv/documented build/types
	PATH="$(CURDIR)/$(BIN):$$PATH" NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet
	@! grep -rlE '<(script|link|img|iframe)[^>]* (src|href)="?(https?:)?//' build/site --include='*.html' # from elsewhere
	$(BIN)/ludus leaderboard benchmarks/results/first-steps.jsonl benchmarks/results/baselines.jsonl --out build/site/leaderboard.html
	@echo "documentation: build/site/index.html"

clean:
	rm -rf .venv build dist *.egg-info .ruff_cache .pytest_cache .hypothesis

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ludus needs Python 3.11 or newer: make PYTHON=python3.12 …")'
	$(PYTHON) -m venv .venv

.venv/installed: pyproject.toml setup.py constraints.txt | .venv/bin/python
	@echo "installing ludus into .venv (once; torch is the large part)"
	$(PIP) setuptools wheel
	$(PIP) --no-build-isolation -e .
	@touch $@

.venv/developed: .venv/installed
	$(PIP) --no-build-isolation -e '.[dev]'
	@touch $@

.venv/documented: .venv/installed
	$(PIP) --no-build-isolation -e '.[docs]'
	@touch $@

# For pyright, and for the reference of the documentation: the packages under their import name, and mujoco's bindings, which come without types.
build/types: Makefile
	@mkdir -p $@/ludus $@/mujoco
	@for part in envs agents curricula assets; do ln -sfn ../../../$$part $@/ludus/$$part; done
	@printf 'from typing import Any\n\ndef __getattr__(name: str) -> Any: ...\n' > $@/mujoco/__init__.pyi
	@touch $@
