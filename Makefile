# The two commands: `make demo` shows runner at work, `make test` proves it. `make help` lists the rest.
SHELL := /bin/sh
PYTHON ?= python3
BIN := .venv/bin
STATE ?= .runner

.PHONY: help setup demo check test bench engine-conformance up down clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' Makefile

setup: ## make .venv from the lock file
	@PYTHON="$(PYTHON)" sh scripts/bootstrap.sh

demo: setup ## validate, plan and run specs/self-check.yaml on Prefect and E2B boxes; verify its journal
	@STATE="$(STATE)" sh scripts/demo.sh

check: setup ## the static gates: format, lint, types, architecture, our own specs
	@$(BIN)/ruff format --check --quiet . && $(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo 2>/dev/null || $(BIN)/lint-imports
	@$(BIN)/runner validate specs

test: check ## every test, with real boxes, servers and processes; every branch of compiler/ and run/ covered
	@$(BIN)/python -m pytest --cov=runner.compiler --cov=runner.run --cov-report=term-missing:skip-covered --cov-fail-under=100

bench: setup ## all benchmarks; rewrites benchmarks/README.md
	@sh benchmarks/run.sh

engine-conformance: setup ## run the local engine's programs on Node and in a browser; rewrites docs/webcontainer-support.md
	@$(BIN)/python -m tests.engine_conformance --write

up: setup ## start the Prefect server in the background
	@$(BIN)/runner up --state "$(STATE)"

down: ## stop it
	@$(BIN)/runner down --state "$(STATE)"

clean: ## remove everything that make made
	rm -rf .venv .cache .runner dist
