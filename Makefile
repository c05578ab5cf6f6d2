# make install   .venv with everything in it, and the rebalancer command
# make demo      the daemon in the seeded world; ARGS="--for 10m --speed 0" are passed on
# make test      lint, then every test, then the coverage floors; .venv/bin/pytest -k NAME for one
# make lint      ruff, mypy --strict, the import contracts
# make faults    a daemon in live dress, one fault at a time, venue by venue, in tables;
#                ARGS="--venue bybit" one venue, ARGS="--mix 600" all faults at once
# make deaths    one venue of three is dead for five minutes, with an order unknown there and without
# make soak      a daemon in live dress that hears 2,000 messages a second, for twenty minutes
# make told      every cause of a gap, and an engine that hangs, until a webhook has heard of it; nothing
#                shortened: a minute outside the band, ten seconds of silence
# make mutants   planted bugs, and the seed of `simulate` that finds each
# make campaign  a million random states through the guards, each judged by rules of its own; then
#                a daemon killed at 1,000 steps of its journal, which goes on where it was ended
# make studies   margin guards through recorded rallies, funding over venues, placement, smiles,
#                and what bands are worth; needs recordings
# make bench     every program in benchmarks/
# make sbom      the bill of materials of requirements.lock, CycloneDX, held against its schema
# make audit     the packages of requirements.lock against known vulnerabilities; needs a service
# make deploy-test  install, upgrade, roll back and uninstall in a Debian made by debootstrap; root;
#                SUITE=trixie takes another one
# make lock      resolve requirements*.lock anew; UPGRADE=--upgrade takes newer releases

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := install
.PHONY: install demo test waiting computing lint tools faults deaths soak told mutants campaign studies \
	bench sbom audit deploy-test lock clean

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
REPORTS := .reports
CORES := $(shell nproc 2>/dev/null || echo 2)
# Three kinds of tests. What waits for real time needs no core and goes beside the others, which
# compute and give way: a daemon that answers late because a neighbour computes is no finding.
WAITING := $(BIN)/pytest -n $(shell expr $(CORES) + 2) --dist load --maxschedchunk 1 -m waits
WAITS := $(shell grep -rl --include='test_*.py' 'mark\.waits' tests)
COMPUTING := nice -n 5 $(BIN)/pytest --dist worksteal
MEASURED := $(addprefix tests/,core exchange golden properties scenarios)
FLOOR := 95
ARGS ?=
UPGRADE ?=

unexport PYTHONDONTWRITEBYTECODE # or every worker and every process compiles all that it imports

# The first interpreter that is new enough and can make an environment.
PYTHON ?= $(shell for p in python3.11 python3 python3.12 python3.13 python3.14; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& { echo $$p; break; }; done)

install: $(STAMP)

$(STAMP): requirements-dev.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "make: Python 3.11 or newer with its venv module must be on PATH" \
		"(Debian: apt-get install python3 python3-venv)" >&2; exit 69; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --require-hashes --no-deps \
		-r requirements-dev.lock # whole already: resolving anew trips over extras of newer releases
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps \
		--no-build-isolation --editable .
	$(BIN)/python -m pip check
	touch $@

demo: install
	@$(BIN)/rebalancer demo $(ARGS)

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict
	$(BIN)/lint-imports

test: install
	@$(MAKE) --no-print-directory --keep-going --jobs=2 waiting computing

# Of Debian: a browser for the tests of pages, promtool for those of alerts, systemd's own checks and
# strace for those of the units, shellcheck for scripts, the journal's reader and logrotate for those
# of the log; without them they are skipped. Of Prometheus only the tools are
# wanted: its service is left out, so that none is started.
UNSERVED := $(addprefix -o Dpkg::Options::=--path-exclude=,/etc/init.d/prometheus \
	/lib/systemd/system/prometheus.service)
NEEDED := chromium promtool shellcheck strace systemd-analyze /usr/sbin/logrotate \
	/lib/systemd/systemd-journal-remote
PACKAGES := chromium fonts-dejavu-core prometheus shellcheck strace systemd logrotate \
	systemd-journal-remote
tools:
	@(for each in $(NEEDED); do command -v $$each || exit 1; done) >/dev/null || { \
		test "$$(id -u)" = 0 && command -v apt-get >/dev/null && apt-get update -qq \
		&& DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $(UNSERVED) \
		--no-install-recommends $(PACKAGES) >/dev/null; } \
		|| echo "make: $(NEEDED): one is missing; the tests that need it are skipped"

# Its story is told when it ends.
waiting: install tools
	@mkdir -p $(REPORTS)
	@$(WAITING) --junit-xml=$(REPORTS)/junit-waiting.xml $(WAITS) >$(REPORTS)/waiting.txt 2>&1 \
		|| code=$$?; cat $(REPORTS)/waiting.txt; exit $${code:-0}

computing: lint tools
	@mkdir -p $(REPORTS)
	$(COMPUTING) -n $(CORES) -m "measured and not waits" $(MEASURED) \
		--junit-xml=$(REPORTS)/junit-measured.xml \
		--cov --cov-report=term --cov-report=json:$(REPORTS)/coverage.json
	$(COMPUTING) -n $(shell expr $(CORES) + 2) -m "not measured and not waits" \
		--junit-xml=$(REPORTS)/junit-others.xml
	$(BIN)/python -m tests.architecture.branches $(REPORTS)/coverage.json $(FLOOR) \
		rebalancer/core rebalancer/exchange

faults: install
	@$(BIN)/python -m rebalancer.simulation.trials $(ARGS)

deaths: install
	@$(BIN)/python -m rebalancer.simulation.death --venue bybit $(ARGS)
	@$(BIN)/python -m rebalancer.simulation.death --venue bybit --unknown $(ARGS)

soak: install
	@$(BIN)/python -m rebalancer.simulation.soak $(ARGS)

told: install
	UNHEDGED=60 SILENCE=10 $(BIN)/pytest -v -n 2 -m waits tests/end_to_end/test_told.py $(ARGS)

mutants: install
	@$(BIN)/python -m tests.simulation.mutants $(ARGS)

campaign: install
	@$(BIN)/python -m tests.properties.guard_states 1000000
	@mkdir -p $(REPORTS)
	@$(BIN)/python -m rebalancer.simulation.kills --points 1000 --resume $(REPORTS)/kills.jsonl \
		--json $(REPORTS)/kills.json
	@$(BIN)/python -m tests.fuzzing
	@$(BIN)/rebalancer simulate --seeds 20000 --resume $(REPORTS)/seeds.jsonl

studies: install
	@$(BIN)/python -m rebalancer.research.rallies $(ARGS)
	@$(BIN)/python -m rebalancer.research.carry $(ARGS)
	@$(BIN)/python -m rebalancer.research.placement
	@$(BIN)/python -m rebalancer.research.smiles
	@$(BIN)/python -m rebalancer.research.anchor --through-step 20
	@$(BIN)/python -m rebalancer.research.frontier

bench: install
	@for program in benchmarks/[!_]*.py; do \
		test -e "$$program" || { echo "make: benchmarks/ holds no program" >&2; exit 1; }; \
		echo "== $$program"; PYTHONPATH=. $(BIN)/python "$$program"; done

BILL := $(REPORTS)/sbom.json
TOOLS = $(REPORTS)/$@
PREPARED = $(PYTHON) -m venv $(TOOLS) && $(TOOLS)/bin/python -m pip install \
	--disable-pip-version-check --quiet --quiet

sbom: install
	@mkdir -p $(REPORTS)
	$(BIN)/python -m tests.bill_of_materials requirements.lock $(BILL)
	@$(PREPARED) "cyclonedx-python-lib[json-validation]>=11,<12"
	@$(TOOLS)/bin/python -m tests.valid_bill $(BILL)

# Not a test: it says something else each day. 75: nobody could be asked, so nothing is known.
audit:
	@mkdir -p $(REPORTS) && rm -f $(REPORTS)/audit.json
	@$(PREPARED) "pip-audit>=2.9,<3"
	@$(TOOLS)/bin/pip-audit --requirement requirements.lock --disable-pip --require-hashes \
		--progress-spinner off --timeout 20 --format json --output $(REPORTS)/audit.json \
		2>/dev/null || true # what it found, or could not ask, stands in its file
	@$(PYTHON) -m tests.audited requirements.lock $(REPORTS)/audit.json

deploy-test: install
	@command -v debootstrap >/dev/null || { apt-get update -qq \
		&& apt-get install -y -qq --no-install-recommends debootstrap >/dev/null; }
	@$(BIN)/pytest -n 0 tests/deploy/debian_root.py tests/deploy/whole_release.py

# Registry wheels with their hashes and no address, so that any mirror serves them.
COMPILE = $(REPORTS)/lock/bin/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras \
	--no-header --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options \
	$(UPGRADE)

lock:
	$(PYTHON) -m venv $(REPORTS)/lock
	$(REPORTS)/lock/bin/python -m pip install --disable-pip-version-check --quiet pip-tools
	$(COMPILE) $(addprefix --extra=,notify postgres replay report) -o requirements.lock pyproject.toml
	$(COMPILE) -c requirements.lock --all-extras -o requirements-dev.lock pyproject.toml

clean:
	rm -rf $(REPORTS) .coverage .mypy_cache .pytest_cache .ruff_cache .import_linter_cache \
		.hypothesis dist
