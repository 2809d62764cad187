# Two commands are enough: `make demo-1` and `make test`. `make help` lists the rest.
SHELL := /bin/bash
PYTHON ?= python3
URL ?=
SOLUTION ?= reference

VENV := .venv
PY := $(VENV)/bin/python
RUNTIME := $(VENV)/.runtime
DEV := $(VENV)/.dev
PEERS := .venv-peers/.installed
# Ray and vLLM need other versions than we do, and 3 GB: they have their own environment, for CPU or for CUDA.
SERVING_VENV := .venv-serving
HARDWARE := $(shell nvidia-smi -L >/dev/null 2>&1 && echo gpu || echo cpu)
SERVING := $(SERVING_VENV)/.$(HARDWARE)
# PyTorch's CPU builds, for a pip that does not find them otherwise.
TORCH_CPU_INDEX ?= https://download.pytorch.org/whl/cpu

export PYTHONUNBUFFERED := 1
# Without bytecode, every start of a service compiles all its imports, and that takes longer than the start itself.
unexport PYTHONDONTWRITEBYTECODE

# Variables of your shell that would spoil our environments are cleared for everything that make runs. Python's variables
# point to other folders to import from (ROS, monorepos), hide this folder (PYTHONSAFEPATH), or change how a program
# runs. pip's variables install elsewhere (PIP_USER, PIP_TARGET …), install nothing, or reject locks like ours
# (PIP_REQUIRE_HASHES). The same settings in a pip.conf are ignored too, see workshop/environment.py. Everything that
# says where packages come from is kept: indexes, proxies, certificates, constraints.
SPOILERS := PYTHONHOME PYTHONPATH PYTHONSAFEPATH PYTHONPLATLIBDIR PYTHONUSERBASE PYTHONNOUSERSITE PYTHONOPTIMIZE PYTHONINSPECT \
  $(addprefix PIP_,USER TARGET PREFIX ROOT PYTHON DRY_RUN NO_DEPS REQUIRE_HASHES REQUIRE_VIRTUALENV REQUIREMENT EDITABLE \
  PLATFORM PYTHON_VERSION IMPLEMENTATION ABI QUIET VERBOSE REPORT)
unexport $(SPOILERS)
CLEARED := $(strip $(foreach name,$(SPOILERS),$(if $(filter environment%,$(origin $(name))),$(name))))

.DEFAULT_GOAL := help
.PHONY: help start progress grade report report-key report-sign report-verify board board-leave install install-serving peers doctor webhook token tokens revoke check test prove lint lock reference images release-check slides load-compare bench before-after bench-serving wheelhouse clean programs

# In the language of the person, as workshop/translation/phrases asks for it; without an environment, so in awk.
help: ## this list
	@asked="$${WORKSHOP_LANG:-$${LC_ALL:-$${LC_MESSAGES:-$$LANG}}}"; \
	  words=workshop/translation/help.$$(printf %.2s "$$asked" | tr A-Z a-z).txt; [ -f "$$words" ] || words=/dev/null; \
	  grep -hE '^[a-zA-Z0-9%_-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([^:]+):.*## /\1|/' | \
	  awk -F'|' '!listing {said[$$1] = $$2; next} \
	    {text = $$1 in said ? said[$$1] : $$2; gsub("%", "N", $$1); printf "  make %-13s %s\n", $$1, text}' "$$words" listing=1 -

# An unknown demo gets one line, and nothing is installed for it.
DEMOS := 1 2 3 4 5 6
KINDS := demo grade load test hint diff reset board-grade
UNKNOWN := $(filter-out $(foreach kind,$(KINDS),$(DEMOS:%=$(kind)-%)) load-compare,$(filter $(KINDS:%=%-%),$(MAKECMDGOALS)))
$(if $(UNKNOWN),$(error $(UNKNOWN): there are demos 1 to $(lastword $(DEMOS))))

# --- the path through the demos -------------------------------------------------------------------------------------

# Nothing needs to be installed for these.
PATH_OF = HARDWARE=$(HARDWARE) $(WITH_PYTHON) -m workshop.progress
start: ## where you are: what is done, what is next, how long it takes
	@$(PATH_OF) start

progress: ## your points and tasks, in one screen
	@$(PATH_OF) progress

hint-%: ## the next hint of the task where you are in demo N; TASK=2 for another
	@$(PATH_OF) hint $* $(call given,TASK,--task)

diff-%: ## your solution of demo N beside ours, for tasks that pass; TASK=2 for one, SPOIL=1 for all
	@$(PATH_OF) diff $* $(call given,TASK,--task) $(if $(SPOIL),--spoil)

reset-%: ## begin the exercise of demo N again; your work is set aside in .progress
	@$(PATH_OF) reset $*

# --- environments ---------------------------------------------------------------------------------------------------

# Each environment is built beside its place and renamed once it is complete. Steps without packages use the machine's
# own Python.
WITH_PYTHON := bash workshop/with_python.sh "$(PYTHON)"
# A sentence in the language of the person.
TELL := $(WITH_PYTHON) -m workshop.translation.sentences
BUILD := SPOILERS="$(SPOILERS)" TORCH_CPU_INDEX="$(TORCH_CPU_INDEX)" $(WITH_PYTHON) -m workshop.environment

# An environment is useless once its Python is gone, or its folder was moved or copied: then it is built again.
STALE := $(shell for place in $(VENV) $(dir $(PEERS)) $(SERVING_VENV); do \
  [ ! -d $$place ] || [ -x $$place/bin/python ] && { [ ! -e $$place/.made ] || \
    [ "$$(cat $$place/.made)" = "$$(cd $$place && pwd -P && readlink -f bin/python)" ]; } || echo $$place; done)
.PHONY: again
again:

$(RUNTIME): requirements.txt $(if $(filter $(VENV),$(STALE)),again)
	@$(BUILD) runtime

$(DEV): requirements-dev.txt $(RUNTIME)
	@$(BUILD) dev

# Clients of our API in tests, and peers in benchmarks. Not in $(VENV): they need other versions than we do.
$(PEERS): loadtests/peers/requirements.txt $(if $(filter $(dir $(PEERS)),$(STALE)),again)
	@$(BUILD) peers

$(SERVING): serving/requirements-$(HARDWARE).txt $(if $(filter $(SERVING_VENV),$(STALE)),again)
	@$(BUILD) serving-$(HARDWARE)

install: $(RUNTIME) $(DEV) ## the packages for demos and for tests

peers: $(PEERS) ## the clients and gateways that we test with and measure against

install-serving: $(SERVING) ## Ray Serve and vLLM, for demo 6

# For machines of the same kind: the same system and the same version of Python.
wheelhouse: $(RUNTIME) ## all packages in one folder, for rooms without a network; DEMO=6 adds Ray and vLLM
	@$(PY) -m pip download --quiet --only-binary :all: --dest wheelhouse -r requirements.txt -r requirements-dev.txt
	@$(if $(filter 6,$(DEMO)),PIP_EXTRA_INDEX_URL="$(TORCH_CPU_INDEX)" $(PY) -m pip download --quiet --only-binary :all: --no-deps --dest wheelhouse -r serving/requirements-$(HARDWARE).txt)
	@$(TELL) "copy the folder wheelhouse into each clone: make installs from it, and asks no network"

lock: ## turn the *.in lists into lock files
	@$(PYTHON) -m venv .run/lock && .run/lock/bin/pip install --quiet uv
	@for list in requirements requirements-dev loadtests/peers/requirements; do \
	  .run/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --no-header $$list.in -o $$list.txt || exit 1; done
	@.run/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate --generate-hashes \
	  requirements.in -c requirements.txt -o serving/docker/requirements.txt
	@.run/lock/bin/uv pip compile --quiet --python-version 3.11 --python-platform x86_64-manylinux_2_31 --no-header \
	  $(foreach part,torchvision torchaudio torchcodec triton,--no-emit-package $(part)) $(if $(PIP_FIND_LINKS),--find-links $(PIP_FIND_LINKS)) \
	  serving/requirements-cpu.in -o serving/requirements-cpu.txt
	@sed -i.resolved -E "s/^(intel-[a-z-]+==[0-9.]+)$$/\1 ; platform_machine == 'x86_64'/" serving/requirements-cpu.txt && \
	  rm serving/requirements-cpu.txt.resolved
	@.run/lock/bin/uv pip compile --quiet --python-version 3.11 --python-platform x86_64-manylinux_2_28 --no-header \
	  serving/requirements-gpu.in -o serving/requirements-gpu.txt

# --- demos ----------------------------------------------------------------------------------------------------------

demo-6 grade-6 load-6 test-6: $(SERVING)

# Holds Ctrl-C back until Python has started and can end in order, if env supports that: see workshop/stopping.py.
HOLD_INT := $(shell env --block-signal=INT true 2>/dev/null && echo env --block-signal=INT)

demo-%: $(RUNTIME) ## run demo N; PORT=8000, SOLUTION=exercise for your own version
	@$(HOLD_INT) $(PY) -m workshop.demo $* --solution $(SOLUTION) $(call given,CONFIG,--config)

webhook: $(RUNTIME) ## sign an alert and send it: URL=http://localhost:8000, FILE=your.json, RESOLVED=1
	@$(PY) -m workshop.webhook $(if $(URL),--url "$$URL") $(if $(RESOLVED),--resolved) $(FILE)

doctor: ## check this machine: what is here, what is missing, what to do; CLASS=1 before you teach
	@CLEARED="$(CLEARED)" HARDWARE=$(HARDWARE) $(WITH_PYTHON) -m workshop.doctor

# --- fire drills: demo 5 with something broken in it ----------------------------------------------------------------

drill-answer: $(RUNTIME) ## questions about the running drill; ANSWERS="c 4 …" answers all of them
	@$(PY) -m workshop.drills.quiz $(call given,ANSWERS,--answers)

drill-%: $(RUNTIME) ## demo 5 with something broken in it; N is slow, 429, stampede, dead-upstream or leak
	@$(HOLD_INT) $(PY) -m workshop.drills $* $(call given,CALM,--calm)

# --- who may call ---------------------------------------------------------------------------------------------------

# USER is set in every environment: only a value from the command line counts, and the shell quotes it.
given = $(if $(filter command,$(firstword $(origin $(1)))),$(2) "$$$(1)")

token: $(RUNTIME) ## make a token for USER=ana, alone on the last line; ROLE=admin, BUDGET=5 (USD per month)
	@test -n $(or $(call given,USER),"") || { $(TELL) "say who: make token USER=ana" >&2; exit 1; }
	@$(PY) -m workshop.told shared.accounts create $(call given,ROLE,--role) $(call given,BUDGET,--budget) -- $(call given,USER)

tokens: $(RUNTIME) ## list all tokens, without their secrets
	@$(PY) -m workshop.told shared.accounts list

revoke: $(RUNTIME) ## revoke all tokens of USER=ana, or one: USER=tok_…
	@test -n $(or $(call given,USER),"") || { $(TELL) "say whose: make revoke USER=ana" >&2; exit 1; }
	@$(PY) -m workshop.told shared.accounts revoke -- $(call given,USER)

# --- tests, grades, load, numbers -----------------------------------------------------------------------------------

programs: $(DEV)
	@$(WITH_PYTHON) -m workshop.programs

lint: $(DEV) ## format, lint, types, and phrases that read like a translation
	@$(VENV)/bin/ruff format --check . && $(VENV)/bin/ruff check . && $(PY) -m workshop.english && $(VENV)/bin/mypy

# Three speeds; tests/speeds.py says which tests are in which. No test is run twice to pass: every wait is for a
# condition, see tests/test_suite.py.
# Most tests wait, for servers and for windows, so five run at a time; tests/scheduling.py has the order. Of those that
# load a service, which takes half a core, two run at a time. Those that share the one cluster, and those that
# build images, run last, one by one.
PYTEST := $(VENV)/bin/pytest
CLUSTER := $(addprefix tests/demo_6/test_,lab.py load.py demo_6.py) $(addprefix tests/deployment/test_,images.py devcontainer.py)
ALONE := tests/stress $(filter-out $(CLUSTER),$(sort $(wildcard tests/*/test_load.py)))
# Where Ray and vLLM cannot be installed, the tests that need them are skipped, and say so.
serving_fits = $(shell $(PYTHON) workshop/platforms.py $(HARDWARE) 2>/dev/null && echo yes)

check: lint ## lint, types, and every test that starts no server: a minute
	@$(PYTEST) --speed check --numprocesses 2 --dist worksteal

coverage: $(DEV) ## which lines of shared/ make check reaches; printed, and no gate
	@$(VENV)/bin/coverage run -m pytest --speed check --quiet && $(VENV)/bin/coverage report

# Everything that the tests need is prepared at the same time: installs wait for disk and network, and mypy has a core.
# Python compiles the tests here, once, and not in every worker at the same time.
COMPILED := $(VENV)/.compiled
$(COMPILED): $(DEV)
	@$(PYTEST) --speed test --collect-only --quiet >/dev/null 2>&1 || true
	@touch $@

test: ## the tests for every change: check, services, a browser, vLLM once; a quarter of an hour on 2 cores
	@$(MAKE) --no-print-directory --jobs 4 lint programs $(COMPILED) $(if $(serving_fits),install-serving)
	@$(PYTEST) --speed test --numprocesses 5 --dist loadfile

# REQUIRE_PEERS: here a missing client is a failure, not one test less.
prove: export REQUIRE_PEERS := 1
CONTAINERS := podman runc netavark aardvark-dns catatonit debootstrap
prove: ## all the rest: mutants, labs, load, stress, drills, every client, the cluster's faults
	@$(MAKE) --no-print-directory --jobs 4 $(DEV) programs peers $(if $(serving_fits),install-serving)
	@$(WITH_PYTHON) -m workshop.programs $(CONTAINERS)
	@failed=0; \
	  $(PYTEST) --speed prove --numprocesses 5 --dist loadfile $(ALONE:%=--ignore %) $(CLUSTER:%=--ignore %) || failed=1; \
	  $(PYTEST) --speed prove --numprocesses 2 --dist loadfile $(ALONE) || failed=1; \
	  $(PYTEST) --speed prove $(CLUSTER) || failed=1; \
	  exit $$failed

test-%: $(DEV) programs ## the tests of demo N
	@$(VENV)/bin/pytest tests/demo_$*

# The name for the class board, if BOARD_URL names one. Some systems set NAME to the machine's name.
NAMED = $(if $(call given,NAME,-),BOARD_NAME="$$NAME")
# Status 3 is a score below full marks: no error of make's, so it ends quietly. STRICT=1 and CI make it an error.
QUIETLY = { status=$$?; [ $$status = 3 ] && [ -z "$(STRICT)$(CI)" ] || exit $$status; }
grade-%: $(DEV) ## grade demo N; SOLUTION=exercise for yours, URL=… for a running service, ONLY=… for some checks
	@$(NAMED) $(PY) -m workshop.grader $* $(if $(URL),--url "$$URL") --solution "$(SOLUTION)" $(if $(ONLY),--only "$$ONLY") || $(QUIETLY)

grade: $(DEV) ## grade all demos, with a total; SOLUTION=exercise for yours
	@$(if $(URL)$(ONLY),$(TELL) "URL and ONLY are for one demo: make grade-1 …" >&2; exit 2)
	@$(NAMED) $(PY) -m workshop.grader.all_demos --solution "$(SOLUTION)" || $(QUIETLY)

# PORT is that of a demo in many shells: only a value from the command line counts here.
board: $(DEV) ## for the teacher: a live page of the room, and where it is stuck; PORT=8800, NAME="of the class", NEW=1 for a new class
	@$(HOLD_INT) $(PY) -m workshop.board $(call given,PORT,--port) $(call given,NAME,--name) $(if $(NEW),--new)

board-grade-%: $(DEV) ## have the board grade your running demo N; URL=http://localhost:8000, NAME="Ana"
	@$(NAMED) $(PY) -m workshop.board.attend grade $* $(if $(URL),--url "$$URL")

board-leave: $(DEV) ## have the board forget you
	@$(PY) -m workshop.board.attend leave

report: $(DEV) ## your grades as a page and a badge, in build/report; NAME="Ana"
	@$(PY) -m workshop.report own $(call given,NAME,--name)

report-key: $(DEV) ## for the workshop's host: the key that signs reports; KEYS=… for another folder
	@$(PY) -m workshop.report key $(call given,KEYS,--keys)

report-sign: $(DEV) ## for the host: grade an attendee's exercises here, and sign that; NAME="Ana" FROM=their/clone
	@$(PY) -m workshop.report sign $(call given,KEYS,--keys) $(call given,NAME,--name) $(call given,FROM,--from)

report-verify: $(DEV) ## has the host signed it? FILE=report.html, KEY=… the host's public key
	@$(PY) -m workshop.report verify $(call given,KEYS,--keys) $(call given,FILE,--file) $(call given,KEY,--key)

load-%: $(DEV) ## the Locust scenario of demo N, its gates and a report; URL=http://… for a running service, SEED=7
	@$(PY) -m loadtests $* $(if $(URL),--url "$$URL") --solution $(SOLUTION) $(call given,SEED,--seed)

load-compare: $(DEV) ## two load tests in one table: A=build/load/… B=build/load/…
	@test -n $(or $(call given,A),"") && test -n $(or $(call given,B),"") || \
	  { $(TELL) "say which two: make load-compare A=build/load/… B=build/load/…" >&2; exit 2; }
	@$(PY) -m loadtests.compare -- $(call given,A) $(call given,B)

# Without its peers the bench still runs, and says which are missing.
bench: $(DEV) ## the gateway beside its peers, on one pinned core, a quarter of an hour; QUICK=1, SIZES=1 for a part
	@$(WITH_PYTHON) -m workshop.programs wrk nginx
	@$(MAKE) --no-print-directory peers || true
	@$(PY) -m loadtests.bench $(if $(QUICK),--quick) $(if $(SIZES),--sizes)

before-after: $(DEV) ## a first version of the service beside the demos, on one pinned core; QUICK=1 takes a minute
	@$(PY) -m loadtests.before_after $(if $(QUICK),--quick)

bench-serving: $(DEV) $(SERVING) ## vLLM alone, Ray Serve around it, and each setting; QUICK=1 for a short run, SUSTAINED=1 for steady load
	@$(PY) -m loadtests.bench_serving $(if $(QUICK),--quick) $(if $(SUSTAINED),--sustained)

slides: $(DEV) ## the decks and the cheat sheets as HTML, and as PDF if there is a Chromium
	@$(PY) -m slides.build

# The build context is the repository; the list beside each Dockerfile says which of its files go in. Docker if its daemon
# answers, or else podman or buildah; BUILD_FLAGS are passed on. PIP_CONF is for an index of your own.
BUILDER ?= $(or $(shell docker info >/dev/null 2>&1 && echo docker),$(shell command -v podman || command -v buildah))
PIP_CONF ?=
BUILD_FLAGS ?=
BUILD_IMAGE = $(BUILDER) build $(if $(filter docker,$(notdir $(BUILDER))),,--format docker) $(BUILD_FLAGS) \
  $(if $(PIP_CONF),--secret id=pip.conf$(comma)src=$(PIP_CONF))
comma := ,
VERSION = $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' shared/__init__.py)
images: ## the container images: the gateway, Ray Serve with vLLM; HARDWARE=gpu for CUDA, BUILDER=docker, podman or buildah
	@$(if $(BUILDER),,$(TELL) "make images needs docker, podman or buildah; on Debian: apt-get install podman" >&2; exit 1)
	@$(BUILD_IMAGE) --file serving/docker/gateway.Dockerfile --tag llm-gateway:$(VERSION) .
	@$(BUILD_IMAGE) --file serving/docker/serving.Dockerfile --tag llm-serving:$(VERSION)-$(HARDWARE) \
	  --build-arg HARDWARE=$(HARDWARE) --build-arg PIP_EXTRA_INDEX_URL=$(if $(filter cpu,$(HARDWARE)),$(TORCH_CPU_INDEX)) .

# What of a release can be tried here. The workflow does the same, and always has the programs for it.
release-check: ## before a tag: the version, the images, their known vulnerabilities (grype), the manifests (kubectl)
	@$(WITH_PYTHON) -m workshop.version v$(VERSION)
	@$(MAKE) --no-print-directory images
	@if ! command -v grype >/dev/null; then $(TELL) "grype is missing: the images are not scanned"; else \
	  for image in llm-gateway:$(VERSION) llm-serving:$(VERSION)-$(HARDWARE); do \
	  grype --fail-on high --only-fixed $$image || exit 1; done; fi
	@if ! command -v kubectl >/dev/null; then $(TELL) "kubectl is missing: the manifests are not rendered"; else \
	  for folder in base cpu smoke; do kubectl kustomize serving/kubernetes/$$folder >/dev/null || exit 1; done; fi

reference: $(RUNTIME) ## regenerate what comes from other files: .env.example, tables and pictures of the docs, manifests, plans of a day, the version
	@$(PY) -m workshop.reference && $(PY) -m serving.kubernetes && $(PY) -m slides.plans

clean: ## remove environments, and everything that runs left behind, but not your progress
	@rm -rf .venv .venv-* .run build .mypy_cache .ruff_cache .pytest_cache logs.json
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
