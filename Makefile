# Two commands are enough: `make demo-1` and `make test`. `make help` lists the rest.
SHELL := /bin/bash
PYTHON ?= python3
URL ?=
SOLUTION ?= reference

VENV := .venv
PY := $(VENV)/bin/python
# --no-compile: a quarter of the bytecode is ever used, and Python writes that itself.
PIP := $(VENV)/bin/pip install --quiet --no-compile --disable-pip-version-check
RUNTIME := $(VENV)/.runtime
DEV := $(VENV)/.dev
PEERS := .venv-peers/.installed
# Ray and vLLM want other versions than we do, and 3 GB: they have an environment of their own, for CPU or for CUDA.
SERVING_VENV := .venv-serving
HARDWARE := $(shell nvidia-smi -L >/dev/null 2>&1 && echo gpu || echo cpu)
SERVING := $(SERVING_VENV)/.$(HARDWARE)
# Where PyTorch's CPU build is, for a pip that does not find it by itself.
TORCH_CPU_INDEX ?= https://download.pytorch.org/whl/cpu

export PYTHONUNBUFFERED := 1
# Without its bytecode every start of a service compiles all that it imports, and that takes longer than the start.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install install-serving peers doctor webhook token tokens revoke test lint lock reference images slides bench bench-serving clean programs

help: ## this list
	@grep -hE '^[a-zA-Z0-9%_-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([^:]+):.*## /\1|/' | \
	  awk -F'|' '{gsub("%", "N", $$1); printf "  make %-12s %s\n", $$1, $$2}'

# --- environments ---------------------------------------------------------------------------------------------------

$(VENV)/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not installed: Python 3.11 or newer is needed" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; $(PYTHON) is older. Say which one: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) >/dev/null || { rm -rf $(VENV); echo "$(PYTHON) cannot make virtual environments: install its venv package (on Debian python3-venv)" >&2; exit 1; }

$(RUNTIME): requirements.txt | $(VENV)/bin/python
	@echo "installing what the demos need into $(VENV)…" >&2
	@$(PIP) -r requirements.txt 2>$(VENV)/pip.log || { grep -h ERROR $(VENV)/pip.log >&2; exit 1; }
	@touch $@

$(DEV): requirements-dev.txt $(RUNTIME)
	@echo "installing what the tests need into $(VENV)…" >&2
	@$(PIP) -r requirements-dev.txt 2>$(VENV)/pip.log || { grep -h ERROR $(VENV)/pip.log >&2; exit 1; }
	@touch $@

# What speaks to our API in tests and stands beside it in benchmarks. Not in $(VENV): it wants other versions than we do.
$(PEERS): loadtests/peers/requirements.txt | $(VENV)/bin/python
	@echo "installing LiteLLM and LangChain into $(@D)…" >&2
	@$(PY) -m venv $(@D)
	@$(@D)/bin/pip install --quiet --no-compile --no-deps --disable-pip-version-check -r $< 2>$(@D)/pip.log || { grep -h ERROR $(@D)/pip.log >&2; exit 1; }
	@touch $@

# --no-deps: the lock is whole, and torch's list of CUDA libraries would come along otherwise.
$(SERVING): serving/requirements-$(HARDWARE).txt | $(VENV)/bin/python
	@echo "installing Ray Serve and vLLM ($(HARDWARE)) into $(@D): 3 GB, a minute or more…" >&2
	@$(PY) -m venv $(@D)
	@install() { $(@D)/bin/pip install --quiet --no-compile --no-deps --disable-pip-version-check -r $< 2>$(@D)/pip.log; }; \
	  install || { [ $(HARDWARE) = cpu ] && PIP_EXTRA_INDEX_URL=$(TORCH_CPU_INDEX) install; } || \
	  { grep -h ERROR $(@D)/pip.log >&2; exit 1; }
	@touch $@

install: $(RUNTIME) $(DEV) ## both lists of packages, for demos and for tests

peers: $(PEERS) ## those that the API is tested with and measured beside

install-serving: $(SERVING) ## Ray Serve and vLLM, for demo 6

lock: ## turn the *.in lists into lock files
	@$(PYTHON) -m venv .run/lock && .run/lock/bin/pip install --quiet uv
	@for list in requirements requirements-dev loadtests/peers/requirements; do \
	  .run/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --no-header $$list.in -o $$list.txt || exit 1; done
	@.run/lock/bin/uv pip compile --quiet --python-version 3.11 --python-platform x86_64-manylinux_2_28 --no-header \
	  $(foreach part,torchvision torchaudio torchcodec triton,--no-emit-package $(part)) $(if $(PIP_FIND_LINKS),--find-links $(PIP_FIND_LINKS)) \
	  serving/requirements-cpu.in -o serving/requirements-cpu.txt
	@.run/lock/bin/uv pip compile --quiet --python-version 3.11 --python-platform x86_64-manylinux_2_28 --no-header \
	  serving/requirements-gpu.in -o serving/requirements-gpu.txt

# --- demos ----------------------------------------------------------------------------------------------------------

demo-6 grade-6 load-6 test-6: $(SERVING)

demo-%: $(RUNTIME) ## run demo N; PORT=8000, SOLUTION=exercise for your own version
	@$(PY) -m workshop.demo $* --solution $(SOLUTION) $(call given,CONFIG,--config)

webhook: $(RUNTIME) ## sign an alert and send it: URL=http://localhost:8000, FILE=your.json, RESOLVED=1
	@$(PY) -m workshop.webhook $(if $(URL),--url $(URL)) $(if $(RESOLVED),--resolved) $(FILE)

doctor: $(RUNTIME) ## look this machine over: what is here, what is missing, what to do
	@$(PY) -m workshop.doctor

# --- fire drills: demo 5 with something broken in it ----------------------------------------------------------------

drill-answer: $(RUNTIME) ## say what it was: questions about the drill that runs; ANSWERS="c 4 …" for all of them
	@$(PY) -m workshop.drills.exam $(call given,ANSWERS,--answers)

drill-%: $(RUNTIME) ## demo 5 with something broken in it; for N: slow, 429, stampede, dead-upstream, leak
	@$(PY) -m workshop.drills $* $(call given,CALM,--calm)

# --- who may call ---------------------------------------------------------------------------------------------------

# USER is in every environment: only what stands on the command line counts, and the shell quotes it.
given = $(if $(filter command,$(firstword $(origin $(1)))),$(2) "$$$(1)")

token: $(RUNTIME) ## a token for USER=ana, alone on the last line; ROLE=admin, BUDGET=5 (USD a month)
	@test -n $(or $(call given,USER),"") || { echo "say who: make token USER=ana" >&2; exit 1; }
	@$(PY) -m shared.accounts create $(call given,ROLE,--role) $(call given,BUDGET,--budget) -- $(call given,USER)

tokens: $(RUNTIME) ## every token that was made, without its secret
	@$(PY) -m shared.accounts list

revoke: $(RUNTIME) ## end all tokens of USER=ana, or one: USER=tok_…
	@test -n $(or $(call given,USER),"") || { echo "say whose: make revoke USER=ana" >&2; exit 1; }
	@$(PY) -m shared.accounts revoke -- $(call given,USER)

# --- tests, grades, load, numbers -----------------------------------------------------------------------------------

programs: $(RUNTIME)
	@$(PY) -m workshop.programs

lint: $(DEV) ## format, lint and types
	@$(VENV)/bin/ruff format --check . && $(VENV)/bin/ruff check . && $(VENV)/bin/mypy

# Most tests wait, for servers and for windows: five at a time, see tests/order.py for who runs what. Of those that load a
# service, which takes half a core, two. Those that stand on the one cluster go one after the other, and last.
CLUSTER := $(addprefix tests/demo_6/test_,mutants.py lab.py load.py demo_6.py)
ALONE := tests/stress $(filter-out $(CLUSTER),$(sort $(wildcard tests/*/test_load.py)))

# All that tests need is got ready at once: what installs waits for the disk and the network, and mypy has a core.
# REQUIRE_PEERS: here a client that is missing is a failure, not a test less. Nothing that fails is run again: every wait
# is for a condition, see tests/test_suite.py.
test: export REQUIRE_PEERS := 1
test: ## everything: lint, types, every test
	@$(MAKE) --no-print-directory --jobs 4 lint programs peers install-serving
	@failed=0; \
	  $(VENV)/bin/pytest --numprocesses 5 --dist loadfile $(ALONE:%=--ignore %) $(CLUSTER:%=--ignore %) || failed=1; \
	  $(VENV)/bin/pytest --numprocesses 2 --dist loadfile $(ALONE) || failed=1; \
	  $(VENV)/bin/pytest $(CLUSTER) || failed=1; \
	  exit $$failed

test-%: $(DEV) programs ## the tests of demo N
	@$(VENV)/bin/pytest tests/demo_$*

grade-%: $(DEV) ## grade demo N; URL=http://… for a running service, SOLUTION=exercise for yours
	@$(PY) -m tests.grader $* $(if $(URL),--url $(URL)) --solution $(SOLUTION)

load-%: $(DEV) ## the Locust scenario of demo N with its gates; URL=http://… for a running service
	@$(PY) -m loadtests $* $(if $(URL),--url $(URL)) --solution $(SOLUTION)

# Without its peers the bench still runs, and says who is missing.
bench: $(DEV) ## the gateway beside its peers, on one pinned core; QUICK=1 for a minute's look
	@$(PY) -m workshop.programs wrk nginx
	@$(MAKE) --no-print-directory peers || true
	@$(PY) -m loadtests.bench $(if $(QUICK),--quick)

bench-serving: $(DEV) $(SERVING) ## vLLM alone, Ray Serve around it, and each knob; QUICK=1 for a look, SUSTAINED=1 for steady load
	@$(PY) -m loadtests.bench_serving $(if $(QUICK),--quick) $(if $(SUSTAINED),--sustained)

slides: $(DEV) ## the decks as HTML, and as PDF where a Chromium is
	@$(PY) -m slides.build

# The context is the repository; the list beside each Dockerfile says what of it goes in.
images: ## the containers' images, by docker: the gateway, Ray Serve with vLLM; HARDWARE=gpu with CUDA
	@docker build --file serving/docker/gateway.Dockerfile --tag llm-gateway:1.0.0 .
	@docker build --file serving/docker/serving.Dockerfile --tag llm-serving:1.0.0-$(HARDWARE) \
	  --build-arg HARDWARE=$(HARDWARE) --build-arg PIP_EXTRA_INDEX_URL=$(if $(filter cpu,$(HARDWARE)),$(TORCH_CPU_INDEX)) .

reference: $(RUNTIME) ## write anew what is made of other files: .env.example, tables of the READMEs, manifests
	@$(PY) -m workshop.reference && $(PY) -m serving.kubernetes

clean: ## remove environments and everything that runs left behind
	@rm -rf .venv .venv-* .run build .mypy_cache .ruff_cache .pytest_cache logs.json
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
