# The two commands: `make demo` shows runner at work, `make test` proves it. `make help` lists the rest.
SHELL := /bin/sh
PYTHON ?= python3
BIN := .venv/bin
STATE ?= .runner
# How many tests run at the same time; 0: one after another, in this process.
TEST_WORKERS ?= 2

.PHONY: help setup web demo check test chaos bench engine-conformance up down clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' Makefile

setup: ## make .venv from the lock file, and the pages of WebContainers
	@PYTHON="$(PYTHON)" sh scripts/bootstrap.sh
	@sh scripts/web.sh build

web: setup ## build the browser side when it has changed

demo: setup ## validate, plan and run specs/self-check.yaml on Prefect and E2B boxes; verify its journal
	@STATE="$(STATE)" sh scripts/demo.sh

check: setup ## the static gates: format, lint, types, architecture, our own specs
	@$(BIN)/ruff format --check --quiet . && $(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo 2>/dev/null || $(BIN)/lint-imports
	@$(BIN)/runner validate specs
	@sh scripts/web.sh check

chaos: setup ## kill -9 runner, gateway, Weaviate, edge, browser at random points, and count what was lost; see docs/chaos.md
	@$(BIN)/python -m tests.chaos --machines 300

test: check ## every test, with real boxes, servers, browsers and processes; every branch of compiler/ and run/ covered
	@sh scripts/web.sh test
	@$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist worksteal --cov=runner.compiler --cov=runner.run --cov-report=term-missing:skip-covered --cov-fail-under=100 --durations=25

bench: setup ## all benchmarks; rewrites benchmarks/README.md
	@sh benchmarks/run.sh

engine-conformance: setup ## run the local engine's programs on Node and in a browser; rewrites docs/webcontainer-support.md
	@$(BIN)/python -m tests.engine_conformance --write

up: setup ## start the Prefect server in the background
	@$(BIN)/runner up --state "$(STATE)"

down: ## stop it
	@$(BIN)/runner down --state "$(STATE)"

clean: ## remove everything that make made
	rm -rf .venv .cache .runner dist runner/data web/dist web/node_modules
