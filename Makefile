# Baton: `make help` lists what can be made. Everything runs in .venv, which `make setup` builds.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup check test fuzz bench demo lock format clean

# A HOME that is missing or empty would send every cache to /: keep them here instead.
ifeq ($(strip $(HOME)),)
export HOME := $(CURDIR)/.cache/home
endif
# Hundreds of processes are started: not one of them compiles everything anew, whatever the shell says.
export PYTHONDONTWRITEBYTECODE :=

PYTHON ?= python3
# Most of a test's time is waiting, so more of them than a small machine has processors.
JOBS ?= 3
SECONDS ?= 60
BIN := .venv/bin
STAMP := .venv/.ready
# A hospital's network may have a certificate authority of its own, which the system knows.
UV := $(BIN)/uv --no-config --system-certs
COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url
ROOMS := schemas services baton deploy

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

setup: $(STAMP) ## Create .venv with everything, `baton` included (nothing to do the second time)

$(STAMP): requirements-dev.txt pyproject.toml
	@echo "setup: .venv from requirements-dev.txt"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "setup: Baton needs Python 3.11 or newer; say which with PYTHON=…" >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r <(sed -n '/^uv==/,/[^\\]$$/p' requirements-dev.txt)
	@VIRTUAL_ENV=.venv $(UV) pip sync --quiet --require-hashes requirements-dev.txt
	@VIRTUAL_ENV=.venv $(UV) pip install --quiet --offline --no-deps --no-build-isolation --editable .
	@touch $@

check: $(STAMP) ## Formatter, linter, spelling, types, import rules, schemas, catalogues, hygiene: what CI runs before the tests
	@echo "check: format";       $(BIN)/ruff format --check --quiet .
	@echo "check: lint";         $(BIN)/ruff check --quiet .
	@echo "check: spelling";     $(BIN)/typos
	@echo "check: types";        $(BIN)/mypy --no-error-summary $(ROOMS) scripts tests/infra tests/conftest.py
	@echo "check: imports";      $(BIN)/lint-imports
	@echo "check: schemas";      $(BIN)/baton schemas check
	@echo "check: catalogue";    $(BIN)/python -m deploy.catalogue --check
	@echo "check: hygiene";      $(BIN)/python scripts/check_hygiene.py

test: $(STAMP) ## Run all tests on a real Postgres and a real Kafka (ARGS="-k visit -x" goes to pytest; JOBS=0 for one process)
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder $(ARGS)

fuzz: $(STAMP) ## Try wrong messages, frames, histories and actions for SECONDS=60
	@$(BIN)/python -m tests.fuzz $(SECONDS)

bench: $(STAMP) ## Run the benchmarks, one JSON line each (ONLY=parse for one)
	@$(BIN)/python -m tests.bench $(ONLY)

demo: $(STAMP) ## Start the whole system with a demo hospital, until Ctrl-C; no Docker, no Java
	@exec $(BIN)/python scripts/run_under_make.py $(BIN)/python -m baton.demo

lock: $(STAMP) ## Write requirements*.txt again from pyproject.toml (UPGRADE=1 moves to newer releases)
	@$(COMPILE) $(if $(UPGRADE),--upgrade) --extra embedded --extra dev pyproject.toml --output-file requirements-dev.txt
	@$(COMPILE) --extra embedded --constraint requirements-dev.txt pyproject.toml --output-file requirements.txt
	@$(COMPILE) --constraint requirements-dev.txt pyproject.toml --output-file deploy/requirements.txt
	@echo "lock: requirements.txt, requirements-dev.txt and deploy/requirements.txt written"

format: $(STAMP) ## Let ruff format and fix what it can
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix-only --quiet .

clean: ## Remove .venv and every cache in the tree
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
