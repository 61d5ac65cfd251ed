# Everything a person or CI does here. Bare `make` says what there is.
# Paths are relative on purpose: absolute ones break in a folder with spaces.
PYTHON ?= python3
ARGS ?=
# INFRA=containers runs component and system tests against Kafka and Postgres in containers
INFRA ?= embedded
SUITE = $(if $(filter containers,$(INFRA)),tests/component tests/system,tests)
BIN := .venv/bin

.PHONY: help up demo reset test compose chaos conformance check audit bench lock contracts docs release environment
.DEFAULT_GOAL := help

help:
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile
	@printf '\nARGS="..." adds options to up, reset, test, chaos, conformance and bench (demo has none):\n  make up ARGS="--port 8001 --data .data/other --scale booking=2"\nSUITE="..." is the part of the tests to run:\n  make test SUITE=tests/domain/test_cancellation.py ARGS="-n 0"\nSettings of a service are environment variables:\n  %s make up\n' "HOLDFAST_GATEWAY_ORIGINS='[\"http://localhost:3000\"]'"

##@ Run it (only Python 3.11+, git and make are needed; the rest is fetched once, by its hash)
demo: .venv/.ready ## a booking's life, shown on a platform of its own that leaves nothing behind
	@$(BIN)/holdfast demo $(ARGS)
up: .venv/.ready ## start the platform in the foreground; Ctrl-C stops it, the data stays
	@$(BIN)/holdfast up $(ARGS)
reset: .venv/.ready ## forget the data of `make up`; refused while it runs
	@$(BIN)/holdfast reset $(ARGS)

##@ Work on it
test: .venv/.ready ## domain, contracts, components, system: about eight minutes
	@INFRA=$(INFRA) $(BIN)/python -m pytest $(SUITE) -m "not chaos and not conformance and not compose" -n 3 --dist loadfile $(ARGS)
compose: .venv/.ready ## docker compose up, the demo, scaled under load, every container killed; needs a Docker engine
	@$(BIN)/python -m pytest tests/chaos/test_compose.py -m compose -s $(ARGS)
chaos: .venv/.ready ## every crash point of every service, rebalances, relays killed: about twenty minutes
	@$(BIN)/python -m pytest tests -m chaos $(ARGS)
conformance: .venv/.ready ## ten thousand requests drawn from the OpenAPI document: five minutes or ten
	@$(BIN)/python -m pytest tests/conformance -m conformance -s $(ARGS)
check: .venv/.ready ## lint, format, types, import directions
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
audit: .venv/.ready ## known vulnerabilities of the locked packages and of Kafka's jars; asks api.osv.dev
	@$(BIN)/python -m embedded.audit
bench: .venv/.ready ## holds per second and latencies, beside pgbench and a plain service
	@$(BIN)/python -m bench $(ARGS)

##@ Regenerate what is committed
contracts: .venv/.ready ## the JSON Schemas and samples of all messages, and the AsyncAPI document
	@$(BIN)/python -m contracts.schemas
	@$(BIN)/python -m contracts.asyncapi
release: .venv/.ready ## freeze what this release promises to the next one (docs/upgrading.md)
	@$(BIN)/python -m releases $(ARGS)
docs: .venv/.ready ## the drawing of the statuses
	@$(BIN)/python -m services.booking.diagram
lock: ## the locks of Python packages (LOCK=--upgrade for newer ones) and of Kafka's jars
	@test -x .cache/uv/bin/uv || { $(PYTHON) -m venv .cache/uv && .cache/uv/bin/python -m pip install -q uv==$(UV); }
	@$(COMPILE) requirements/run.in -o requirements/run.txt
	@$(COMPILE) -c requirements/run.txt requirements/services.in -o requirements/services.txt
	@$(COMPILE) requirements/dev.in -o requirements/dev.txt
	@$(MAKE) --no-print-directory .venv/.ready
	@$(BIN)/python -m embedded.lock

UV := 0.13.9
LOCK ?=
COMPILE = .cache/uv/bin/uv pip compile -q --cache-dir .cache/uv/cache --universal --python-version 3.11 --generate-hashes \
  --no-header $(LOCK)

# A moved checkout breaks its virtual environment; the stamp says where it was made.
MOVED := $(shell test ! -s .venv/.ready || test "$$(cat .venv/.ready)" = "$$(pwd -P)" || echo environment)
.venv/.ready: requirements/run.txt requirements/dev.txt $(MOVED)
	@$(PYTHON) -m embedded.environment
environment:
