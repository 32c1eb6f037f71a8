# Needs python3 (3.11 or newer), make and git; everything else is set up in .venv on first use.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-builtin-rules

BIN := .venv/bin
DEV := .venv/.complete
PROTOS := .venv-protos/.complete
PACKAGES := $(wildcard deskhold broker_service rbac_service tests bench examples)

# `make help` prints the lines that start with ##@ and the text after ## of each target.
##@ Use
.PHONY: help
help: ## say what can be made
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST); echo

.PHONY: setup
setup: $(DEV) ## make .venv with everything uv.lock names (the other targets do it when needed)

.PHONY: run
run: $(DEV) ## start both services on this machine, with their own certificates and database
	@$(BIN)/python -m deskhold.embedded

.PHONY: tour
tour: $(DEV) ## the five-minute tour of the README, against services of its own
	@PATH="$(CURDIR)/$(BIN):$$PATH" bash examples/tour.sh

##@ Develop
.PHONY: test
test: $(DEV) ## run the tests but the slow ones; T=tests/journeys chooses some, slow or not
	@$(BIN)/python -m pytest -n auto $(or $(T),-m "not slow and not rdp and not faults")

.PHONY: slow
slow: $(DEV) ## run the slow tests: races of processes, long sequences of random calls
	@$(BIN)/python -m pytest -n auto -m "slow and not rdp and not faults"

# Its hosts are namespaces, which only root can make. Root leaves no file behind in the checkout.
AS_ROOT := $(if $(filter-out 0,$(shell id -u)),sudo -n)
.PHONY: rdp
rdp: $(DEV) ## open desktops with xrdp and xfreerdp; installs Debian's packages, runs as root
	@./setup.sh rdp
	@$(AS_ROOT) env PYTHONDONTWRITEBYTECODE=1 $(BIN)/python -m pytest -p no:cacheprovider $(or $(T),tests/rdp)

.PHONY: faults
faults: $(DEV) ## break databases, services and the clock under load, and print what became of it
	@./setup.sh faults
	@$(BIN)/python -m pytest tests/faults

.PHONY: worlds
worlds: $(DEV) ## compare the judge with the reference in 100,000 random worlds, on all cores
	@DESKHOLD_TEST_WORLDS=$${DESKHOLD_TEST_WORLDS:-100000} \
	  $(BIN)/python -m pytest -n auto tests/rbac_service/access/test_worlds.py

.PHONY: check
check: format-check lint types imports api-check ## everything that is judged without running it; changes nothing

.PHONY: format
format: $(DEV) ## format Python and protos, apply ruff's safe fixes
	@$(BIN)/ruff check --quiet --fix-only . && $(BIN)/ruff format --quiet . && $(BIN)/buf format protos --write

.PHONY: protos
protos: $(PROTOS) ## write deskhold/api anew from protos/
	@.venv-protos/bin/python protos/generate.py

.PHONY: bench
bench: $(DEV) ## measure claims, checks, decisions and convergence, and print the tables
	@$(BIN)/python -m bench
	@$(BIN)/python -m bench --postgresql
	@$(BIN)/python -m bench.fleet
	@$(BIN)/python -m bench.fleet --postgresql
	@$(BIN)/python -m bench.mixed
	@$(BIN)/python -m bench.mixed --postgresql
	@$(BIN)/python -m bench.checks
	@$(BIN)/python -m bench.decisions
	@$(BIN)/python -m bench.convergence

.PHONY: clean
clean: ## remove the environments, caches and builds
	@rm -rf .venv .venv-uv .venv-protos .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

##@ Parts of check
.PHONY: format-check
format-check: $(DEV) ## Python and protos are formatted
	@$(BIN)/ruff format --check . && $(BIN)/buf format protos --diff --exit-code

.PHONY: lint
lint: $(DEV) ## ruff finds nothing
	@$(BIN)/ruff check .

.PHONY: types
types: $(DEV) ## mypy --strict finds nothing
	@$(BIN)/mypy $(PACKAGES)

.PHONY: imports
imports: $(DEV) ## every import goes the way ARCHITECTURE.md draws it
	@$(BIN)/lint-imports

.PHONY: api-check
api-check: $(DEV) $(PROTOS) ## the protos are tidy and compatible, the stubs are theirs
	@$(BIN)/buf lint && BUF=$(BIN)/buf protos/breaking.sh
	@.venv-protos/bin/python protos/generate.py --check

$(DEV): pyproject.toml uv.lock setup.sh
	@./setup.sh dev

$(PROTOS): uv.lock setup.sh
	@./setup.sh protos
