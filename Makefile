# The project's entry points. Each ends with a plain summary line and a true exit status.
# A fresh machine needs make and Python 3.11 or newer; everything else is set up in .venv.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

usable = -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.11 python; do \
	$$p $(usable) && command -v $$p && break; done)

VENV := .venv
BIN := $(VENV)/bin
RUN := $(VENV)/.run-installed
DEV := $(VENV)/.dev-installed
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input

BENCH := .venv-bench/.installed
FUZZ := .venv-fuzz/.installed
FLOOR := .venv-floor/.installed

LOCK := $(BIN)/uv pip compile --quiet --upgrade --generate-hashes --universal --python-version 3.11 \
	--no-annotate --no-header --no-strip-extras

PURCHASES ?= 400
PLAYERS ?= 10
KILLS ?= 1
ADAPTERS ?= hub88 quantum
KEEP ?=

WORKERS ?= 2
# Most tests wait for processes: three at once keep two cores busy.
TESTERS ?= 3
PYTEST_ARGS ?=

.PHONY: help
help:  ## say what there is
	@sed -n 's/^\([a-z-]*\):.*  ## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

$(RUN): requirements/run.txt requirements/build.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "make: needs Python 3.11 or newer with venv and pip; say which: make PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "setting up $(VENV)"
	@$(PYTHON) $(usable) || { echo "make: $(PYTHON) is no Python 3.11 or newer with venv and pip" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install --require-hashes -r requirements/build.txt -r requirements/run.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV): requirements/dev.txt $(RUN)
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

$(BENCH): bench/requirements.txt $(DEV)
	@echo "setting up .venv-bench"
	@test -x .venv-bench/bin/python || $(PYTHON) -m venv .venv-bench
	@.venv-bench/bin/python -m pip --quiet --disable-pip-version-check --no-input install --require-hashes -r bench/requirements.txt
	@touch $@

.PHONY: setup
setup: $(RUN)  ## set up .venv with the gateway and what it runs on
	@echo "set up: $(BIN)/mm-gateway"

.PHONY: demo
demo: $(RUN)  ## play PURCHASES=400 that go wrong in every way, and compare the books; ADAPTERS="hub88 quantum", KEEP=DIR keeps them
	@$(BIN)/mm-gateway demo --purchases $(PURCHASES) --players $(PLAYERS) --kills $(KILLS) $(ADAPTERS:%=--adapter %) $(if $(KEEP),--keep $(KEEP))

$(FUZZ): tests/fuzz/requirements.txt pyproject.toml $(DEV)
	@echo "setting up .venv-fuzz"
	@test -x .venv-fuzz/bin/python || $(PYTHON) -m venv .venv-fuzz
	@.venv-fuzz/bin/python -m pip --quiet --disable-pip-version-check --no-input install --require-hashes -r tests/fuzz/requirements.txt
	@.venv-fuzz/bin/python -m pip --quiet --disable-pip-version-check --no-input install --no-deps --no-build-isolation --editable .
	@touch $@

# The tests' own files are UTF-8 whatever the locale. Those that are about the locale set this back.
# Tests start the gateway a thousand times, and without kept bytecode each start compiles it anew.
.PHONY: test
test: export PYTHONUTF8 := 1
test: export PYTHONDONTWRITEBYTECODE :=
test: lint  ## set up, lint, and run every test with coverage
	$(BIN)/python -m pytest -n $(TESTERS) --dist worksteal --cov=gateway/transfers --cov=gateway/journal --cov=gateway/wire --cov-report= $(PYTEST_ARGS)
	$(BIN)/python -m coverage report --fail-under=100 --include='gateway/transfers/*,gateway/journal/*,gateway/wire/*'
	@echo "make test: all passed"

.PHONY: test-on
test-on:  ## demo and test in a new minimal Debian (needs root): DIST=trixie; WHO=user, WHO=root, both if not given
	@$(PYTHON) -m tests.machines --dist $(or $(DIST),trixie) $(if $(WHO),--as $(WHO)) --workers $(WORKERS)

.PHONY: lint
lint: $(DEV)  ## style, types, and direction of imports
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy --no-error-summary
	$(BIN)/lint-imports --no-cache --no-logo
	$(BIN)/hadolint Dockerfile gateway/scaffold/package/Dockerfile

.PHONY: bench
bench: $(DEV) $(BENCH)  ## how fast it is beside its alternatives, ten minutes; QUICK=1: that the bench works, one minute
	@$(BIN)/python -m bench $(if $(QUICK),--quick) $(BENCH_ARGS)

SEEDS ?= 300
SEED ?=

.PHONY: simulate
simulate: $(DEV)  ## try to lose money under faults: SEEDS=10000 for many, SEED=7 for one again
	@$(BIN)/python -m tests.simulation --workers $(WORKERS) seeds --seeds $(SEEDS) $(if $(SEED),--seed $(SEED))

.PHONY: canaries
canaries: $(DEV)  ## break the gateway on purpose, and see whether the simulator sees it
	@$(BIN)/python -m tests.simulation --workers $(WORKERS) canaries

.PHONY: adapter-canaries
adapter-canaries: $(DEV)  ## make small mistakes in adapters, and see which behaviour of the suite sees each: ADAPTER=hub88
	@$(BIN)/python -m tests.adapter_canaries --workers $(WORKERS) $(if $(ADAPTER),--adapter $(ADAPTER))

.PHONY: fuzz
fuzz: $(DEV) $(FUZZ)  ## fuzz parsers (RUNS=1000000 each), adapters (ANSWERS=1000000 mutated answers each), the door; TARGET=calls
	@$(BIN)/python -m tests.fuzz --runs $(or $(RUNS),100000) --answers $(or $(ANSWERS),1000000) --workers $(WORKERS) $(TARGET)

$(FLOOR): requirements/floor.txt pyproject.toml $(DEV)
	@echo "setting up .venv-floor"
	@test -x .venv-floor/bin/python || $(PYTHON) -m venv .venv-floor
	@.venv-floor/bin/python -m pip --quiet --disable-pip-version-check --no-input install --require-hashes -r requirements/floor.txt
	@.venv-floor/bin/python -m pip --quiet --disable-pip-version-check --no-input install --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: floor
floor: export PYTHONUTF8 := 1
floor: $(FLOOR)  ## run the tests of listeners, operators, SQLite and commands on the lowest versions that run.in declares
	@.venv-floor/bin/python -m pytest -n $(WORKERS) --dist worksteal tests/unit tests/integration/http tests/integration/operators \
		tests/integration/transfers tests/integration/journal/sqlite tests/integration/cli $(PYTEST_ARGS)
	@echo "make floor: all passed"

.PHONY: chaos
chaos: $(DEV)  ## gateways and their database are killed over and over: SEED, TRANSFERS, INSTANCES, KILL_EVERY, RESTART_DATABASE_EVERY
	@$(BIN)/python -m tests.chaos $(if $(SEED),--seed $(SEED)) $(if $(TRANSFERS),--transfers $(TRANSFERS)) \
		$(if $(INSTANCES),--instances $(INSTANCES)) $(if $(KILL_EVERY),--kill-every $(KILL_EVERY)) \
		$(if $(RESTART_DATABASE_EVERY),--restart-database-every $(RESTART_DATABASE_EVERY))

.PHONY: crash
crash: $(DEV)  ## kill the gateway at every named point on both journals, and audit what is left: TIMES=20, SEED
	@$(BIN)/python -m tests.acceptance.crash --times $(or $(TIMES),1) $(if $(SEED),--seed $(SEED)) --abreast $(WORKERS)

.PHONY: attack
attack: $(DEV)  ## all that a hostile neighbour may try, on a gateway with little memory, while honest games buy: SECONDS=5 for each
	@$(BIN)/python -m tests.attack $(if $(SECONDS),--seconds $(SECONDS)) $(ATTACKS)

.PHONY: soak
soak: $(DEV)  ## load with faults for MINUTES=5: memory and files must stay level; draws build/soak/index.html
	@$(BIN)/python -m tests.soak --minutes $(or $(MINUTES),5) $(if $(RATE),--rate $(RATE)) $(if $(SEED),--seed $(SEED))

.PHONY: growth
growth: $(DEV)  ## what a withdraw, a claim and a player's list cost with ten million finished transfers: ROWS=10000000, INDEX=
	@$(BIN)/python -m tests.load.lists --rows $(or $(ROWS),10000000)
	@$(BIN)/python -m tests.load.postgres_growth --rows $(or $(ROWS),10000000) $(if $(INDEX),--index $(INDEX))

.PHONY: throughput
throughput: $(DEV)  ## group commit against one commit a call, and two gateways against one, on PostgreSQL
	@$(BIN)/python -m tests.chaos.throughput

.PHONY: night
night: $(DEV)  ## eight troubles on real processes, watched by a real Prometheus and Alertmanager: draws docs/night.md; SCALE=20
	@$(BIN)/python -m tests.night $(if $(SCALE),--scale $(SCALE))

.PHONY: deployment
deployment: $(DEV)  ## have the real programs check and try config/, the charts and the image; fails where one cannot be had
	@$(BIN)/python -m tests.deployment

.PHONY: boards
boards: $(DEV)  ## generate Grafana's dashboards, config/grafana, from the package boards
	@$(BIN)/python -m boards

BOARDS := .venv-boards/.installed
RECORDED ?= build/night/boards.json

$(BOARDS): boards/pictures/requirements.txt $(DEV)
	@echo "setting up .venv-boards"
	@test -x .venv-boards/bin/python || $(PYTHON) -m venv .venv-boards
	@.venv-boards/bin/python -m pip --quiet --disable-pip-version-check --no-input install --require-hashes -r boards/pictures/requirements.txt
	@touch $@

.PHONY: pictures
pictures: boards $(BOARDS)  ## draw the boards into docs/boards with the data of RECORDED=build/night/boards.json
	@.venv-boards/bin/python -m boards.pictures draw $(RECORDED)

AUDIT := .venv-audit/.installed

$(AUDIT): requirements/audit.txt $(DEV)
	@echo "setting up .venv-audit"
	@test -x .venv-audit/bin/python || $(PYTHON) -m venv .venv-audit
	@.venv-audit/bin/python -m pip --quiet --disable-pip-version-check --no-input install --require-hashes -r requirements/audit.txt
	@touch $@

.PHONY: sbom
sbom: $(AUDIT)  ## write build/sbom.json: what a gateway is made of, with versions and hashes, as CycloneDX
	@mkdir -p build
	@.venv-audit/bin/python -W ignore -m cyclonedx_py requirements requirements/run.txt --pyproject pyproject.toml \
		--output-reproducible --validate --of JSON --output-file build/sbom.json
	@echo "make sbom: build/sbom.json has $$($(BIN)/python -c 'import json; print(len(json.load(open("build/sbom.json"))["components"]))') packages"

.PHONY: release
release: sbom  ## build wheel, sdist, image context, SBOM and checksums into dist, or say why not; REHEARSAL=yes tries it
	@REHEARSAL=$(REHEARSAL) $(BIN)/python -m tests.supply release

.PHONY: released-migrations
released-migrations:  ## list every migration as released: from then on none of them may change
	@cd gateway/journal && sha256sum */migrations/*.sql > ../../tests/supply/released_migrations.sha256
	@echo "make released-migrations: $$(wc -l < tests/supply/released_migrations.sha256) are listed"

.PHONY: licences
licences: $(DEV)  ## whether every package that a gateway runs on has a licence of the list in tests/supply/licences.py
	@$(BIN)/python -m tests.supply licences

.PHONY: audit
audit: $(AUDIT)  ## known vulnerabilities of the pinned packages, if PyPI's or OSV's advisories can be reached
	@$(BIN)/python -m tests.supply audit

.PHONY: digests
digests: $(DEV)  ## pin the images of config/compose: asks their registries, by Docker, and writes config/compose/.env
	@$(BIN)/python -m tests.supply digests

.PHONY: lock
lock: $(DEV)  ## pin the newest that requirements/*.in allow, with hashes
	$(LOCK) requirements/run.in -o requirements/run.txt
	$(LOCK) requirements/build.in -o requirements/build.txt
	$(LOCK) requirements/tracing.in -c requirements/run.txt -o requirements/tracing.txt
	$(LOCK) requirements/dev.in -c requirements/run.txt -c requirements/build.txt -c requirements/tracing.txt -o requirements/dev.txt
	@mkdir -p build
	$(LOCK) requirements/run.in --resolution lowest-direct -o build/floor.txt
	$(LOCK) requirements/dev.in -c build/floor.txt -c requirements/build.txt -o requirements/floor.txt
	$(LOCK) requirements/audit.in -o requirements/audit.txt
	$(LOCK) bench/requirements.in -o bench/requirements.txt
	$(LOCK) boards/pictures/requirements.in -o boards/pictures/requirements.txt
	$(LOCK) tests/fuzz/requirements.in -c requirements/run.txt -c requirements/build.txt -o tests/fuzz/requirements.txt
	$(LOCK) tests/deployment/requirements.in -o tests/deployment/requirements.txt
	$(LOCK) --no-deps tests/deployment/binaries.in -o tests/deployment/binaries.txt
	@echo "make lock: requirements/*.txt are up to date"

.PHONY: clean
clean:  ## remove what make has set up and measured
	rm -rf $(VENV) .venv-bench .bench .venv-boards .venv-audit .venv-floor .venv-fuzz .fuzz build dist *.egg-info .coverage* .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find gateway adapters boards tests -name __pycache__ -prune -exec rm -rf {} +
