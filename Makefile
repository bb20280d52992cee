.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
T ?=
JOBS ?= 4

.PHONY: help setup demo up test faults soak fuzz check bench lock

help: ## show what can be made
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/run.stamp: requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --no-deps -r requirements.lock
	$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/dev.stamp: requirements-dev.lock $(VENV)/run.stamp
	$(PIP) --no-deps -r requirements-dev.lock
	@touch $@

setup: $(VENV)/dev.stamp ## set up the virtual environment from the lock files

demo: $(VENV)/run.stamp ## the main job: every right, on the embedded stack, checked
	$(BIN)/rightsdesk demo

up: $(VENV)/run.stamp ## the embedded stack until Ctrl-C (RIGHTSDESK_HOME, RIGHTSDESK_SYSTEMS)
	$(BIN)/rightsdesk up

test: export PYTHONDONTWRITEBYTECODE = # or a hundred processes each compile all of ours anew
test: $(VENV)/dev.stamp ## all tests; T=path or T="-k word" for some, JOBS=0 for one process (most wait for servers: more than cores)
	$(BIN)/python -m pytest --numprocesses=$(JOBS) --dist=worksteal $(T)

faults: $(VENV)/dev.stamp ## the long forms of the fault tests, one after the other; prints rows of docs/faults.md
	$(BIN)/python -m pytest -m long tests/faults $(T)

soak: $(VENV)/dev.stamp ## 10,000 tickets over four systems while processes are killed; N=500 SEED=7 EVERY=5 DB=sqlite
	$(BIN)/python -m tests.faults.soak

fuzz: $(VENV)/dev.stamp ## what comes from outside, made to be nasty; EXAMPLES=2000 each
	EXAMPLES=$(or $(EXAMPLES),2000) $(BIN)/python -m pytest --numprocesses=$(JOBS) tests/fuzz $(T)

check: $(VENV)/dev.stamp ## Ruff, mypy strict, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

bench: $(VENV)/dev.stamp ## rates beside something simple in the same run
	$(BIN)/python -m tests.bench $(T)

lock: $(VENV)/dev.stamp ## pin anew what pyproject.toml asks for
	$(PIP) pip-tools
	$(BIN)/python -m piptools compile -q --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-header --strip-extras --allow-unsafe --all-build-deps -o requirements.lock pyproject.toml
	$(BIN)/python -m piptools compile -q --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-header --strip-extras --allow-unsafe --all-build-deps --extra dev -o requirements-dev.lock pyproject.toml
