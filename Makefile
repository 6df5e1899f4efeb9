# Every target says what it does: `make help`. Whatever a target needs, it installs or builds first.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp
TOOLS := .tools
.DEFAULT_GOAL := help

# Every target that `make help` lists is a command and no file.
.PHONY: $(shell sed -n 's/^\([a-z0-9-]*\):.*\#\# .*/\1/p' Makefile)

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-22s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

env: $(STAMP) ## install the pinned packages and the members into .venv

$(BIN)/uv: requirements/uv.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/uv.txt
	@touch $@

$(STAMP): $(BIN)/uv requirements/dev.txt requirements/uv.txt operator/pyproject.toml trainer-image/pyproject.toml $(wildcard trainer-image/*/pyproject.toml)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/uv.txt -r requirements/dev.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --offline \
	  -e trainer-image/contract -e trainer-image/preprocess -e trainer-image/store -e trainer-image -e operator
	@touch $@

requirements: $(BIN)/uv ## compile the pinned lists again (needs the package index)
	requirements/compile

generate: env ## write what is generated: schemas of the contract, CRDs, reference pages
	$(BIN)/python -m idla_contract.schemas
	$(BIN)/python -m idla.api.schema.crds
	$(BIN)/python -m idla.api.schema.reference
	$(BIN)/python -m idla.library

format: env ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix-only --quiet .

lint: env ## format check, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy

# `make test` runs the whole of what is quick, and of the other folders the tests that are marked `gate`. What mostly waits
# runs beside what computes: `+` joins slices that use nothing of each other's.
GATE := lint+test-server+test-store test-unit test-fuzz-bounded+test-api test-local+test-faults-gate \
  test-trainer-gate+test-operator-gate test-e2e-gate
ALL := lint verify test-unit test-local+test-server test-store test-api \
  test-trainer-ways+test-faults-kills test-trainer-parts+test-faults-reads test-fuzz+test-faults-outages \
  test-operator-life+test-faults-refusals test-operator-faults+test-faults-answers \
  test-cluster test-e2e-digits test-e2e-data test-e2e-kinds test-e2e-faults test-e2e-replicas \
  demo try

test: env ## the gate: what must pass before anything lands; CI runs it (15 minutes, 30 the first time)
	$(BIN)/python -m tools.slices $(GATE)

test-all: env ## everything: slice after slice, past red ones, a table at the end (an hour and a half)
	$(BIN)/python -m tools.slices $(ALL)

ci: env ## what CI will do with HEAD, done here: a fresh clone in a temporary folder, and .ci/run in it
	$(BIN)/python -m tools.ci

# Each worker has a control plane of its own; where starting one is dear, a file stays with one worker.
WORKERS ?= 2
BY_TEST := --numprocesses=$(WORKERS) --dist=worksteal
BY_FILE := --numprocesses=$(WORKERS) --dist=loadfile
PYTEST = $(BIN)/python -m pytest --junitxml=dist/reports/$@.xml

test-unit: env ## unit tests
	$(PYTEST) $(BY_TEST) tests/unit

test-local: env ## `idla run --local` as a process, with a stand-in for the trainer
	$(PYTEST) $(BY_TEST) tests/local

test-server: env ## the model server as a process
	$(PYTEST) tests/server

test-store: env ## data from real servers, S3 and https, with an authority of its own and a proxy (the first time builds it, 2 minutes)
	$(PYTEST) tests/integration/store

test-api: env ## CRDs, manifests and children on a real API server (the first time builds Kubernetes, about 6 minutes)
	$(PYTEST) $(BY_FILE) tests/integration/api

test-operator-gate: env ## the gate's part of the two below
	$(PYTEST) $(BY_FILE) -m gate tests/integration/operator

test-operator-life: env ## the real operator with simulated pods: whole way, kills, edits, rights, replicas
	$(PYTEST) $(BY_FILE) tests/integration/operator --ignore tests/integration/operator/faults

test-operator-faults: env ## the same under faults of control plane, nodes, pods, admission, clocks and hands
	$(PYTEST) $(BY_FILE) tests/integration/operator/faults

test-operator: env ## these two
	$(BIN)/python -m tools.slices test-operator-life test-operator-faults

test-faults-gate: env ## the gate's part of the five below
	$(PYTEST) -m gate tests/faults

# Shared out among three slices by name: what is in no word of the other two is in the first.
WRITES := tests/faults/test_derived.py tests/faults/test_rules.py

test-faults-kills: env ## the operator killed before and after each of its writes
	$(PYTEST) $(BY_TEST) $(WRITES) -k "not answer and not stale and not refus"

test-faults-answers: env ## answers to its writes lost, and what it reads back old
	$(PYTEST) $(BY_TEST) $(WRITES) -k "(answer or stale) and not refus"

test-faults-refusals: env ## each of its writes refused in every way
	$(PYTEST) $(BY_TEST) $(WRITES) -k "refus"

test-faults-reads: env ## its reads and watches gone wrong
	$(PYTEST) $(BY_TEST) tests/faults/test_reads.py

test-faults-outages: env ## what kopf ends on, and an API server that is away
	$(PYTEST) $(BY_TEST) tests/faults/test_kopf_exits.py

test-faults: env ## these five
	$(BIN)/python -m tools.slices $(filter test-faults-%,$(subst +, ,$(ALL)))

test-fuzz-bounded: env ## a thousand drawn objects through the core
	$(PYTEST) $(BY_TEST) tests/fuzz -m "not api"

test-fuzz: env ## 10,000 drawn objects through the core, and some through a real API server
	IDLA_FUZZ_OBJECTS=10000 IDLA_FUZZ_SEED=$${SEED:-$$(date +%s)} $(PYTEST) $(BY_FILE) tests/fuzz

test-trainer-gate: env ## the trainer's whole way on one small task of each kind
	$(PYTEST) $(BY_FILE) -m gate tests/trainer

WHOLE_WAYS := $(addprefix tests/trainer/test_,samples.py reproduced.py own_builder.py kept_results.py bad_input.py)

test-trainer-ways: env ## the trainer with TensorFlow: whole ways by `idla run --local`, bad input, own networks
	$(PYTEST) $(BY_TEST) $(WHOLE_WAYS)

test-trainer-parts: env ## kills and resumption, search, refit, given weights, compression, networks
	$(PYTEST) $(BY_FILE) tests/trainer $(addprefix --ignore=,$(WHOLE_WAYS))

test-trainer: env ## these two
	$(BIN)/python -m tools.slices test-trainer-ways test-trainer-parts

test-cluster: images ## the local Kubernetes itself, and a second cluster that comes and goes
	$(PYTEST) tests/integration/cluster

test-e2e-gate: images ## real pods: digits from YAML to an answering endpoint, the operator killed on the way
	$(PYTEST) -m gate tests/e2e

test-e2e-digits: images ## the same, whole: rest, promotion by digest, deletion
	$(PYTEST) tests/e2e/test_digits.py tests/e2e/test_permissions.py

test-e2e-data: images ## data of all kinds on claims, also bad ones; an endpoint that is replaced under load
	$(PYTEST) tests/e2e/test_data.py tests/e2e/test_replacement.py tests/e2e/test_permissions.py

test-e2e-kinds: images ## a model of each kind of data, and what its endpoint answers
	$(PYTEST) tests/e2e/test_kinds.py tests/e2e/test_permissions.py

test-e2e-faults: images ## real pods evicted, starved, drained, with damaged bytes
	$(PYTEST) tests/e2e/test_faults.py tests/e2e/test_permissions.py

test-e2e-replicas: images ## two replicas of the operator
	$(PYTEST) tests/e2e/test_replicas.py tests/e2e/test_permissions.py

test-e2e: env ## these five
	$(BIN)/python -m tools.slices $(filter test-e2e-%,$(subst +, ,$(ALL)))

try: env ## the YAML of README as processes on this machine: no cluster, no root (a minute)
	IDLA_SAMPLES="$$($(BIN)/python -m tools.samples)" $(BIN)/idla run --local -f manifests/samples/digits.yaml --output dist/digits

HELD_OUT := dist/held-out
reproduce: env ## make a model of a part of the digits, then its figures again by a script that shares no code with what measured them
	mkdir -p $(HELD_OUT)
	gzip -dc "$$($(BIN)/python -m tools.samples)/digits/digits.csv.gz" > $(HELD_OUT)/all.csv
	head -n 1437 $(HELD_OUT)/all.csv > $(HELD_OUT)/train.csv
	tail -n 360 $(HELD_OUT)/all.csv > $(HELD_OUT)/test.csv
	cp examples/held-out.yaml $(HELD_OUT)
	$(BIN)/idla run --local -f $(HELD_OUT)/held-out.yaml --output $(HELD_OUT)/out
	$(BIN)/python examples/reproduce.py --artifact $(HELD_OUT)/out/model --status $(HELD_OUT)/out/workflow.json --test $(HELD_OUT)/test.csv

demo: images ## from 15 lines of YAML to an endpoint that answers, on the local cluster, everything checked
	$(BIN)/python -m demo

cluster: env ## bring up a real Kubernetes on this machine, or mend it
	$(BIN)/python -m tools.cluster up

images: cluster ## build the product's images and bring them into the cluster; only what changed
	$(BIN)/python -m tools.cluster images

cluster-down: env ## take the local Kubernetes away with all it made
	$(BIN)/python -m tools.cluster down

bench-serving: env ## requests a second, latency and memory of the model server (half a minute)
	$(BIN)/python benchmarks/serving/measure.py

bench-trainer: env ## accuracy, size, speed and time of both library entries over three seeds (about 4 minutes)
	$(BIN)/python benchmarks/trainer_digits.py --seeds 1 2 3

$(TOOLS)/%/.stamp: $(BIN)/uv requirements/%.txt
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(TOOLS)/$*
	$(BIN)/uv pip install --quiet --python $(TOOLS)/$*/bin/python --require-hashes -r requirements/$*.txt
	@touch $@

sbom: env $(TOOLS)/sbom/.stamp ## write a bill of materials (CycloneDX) of each image's Python packages into dist, checked against its list
	$(BIN)/python -m tools.sbom $(TOOLS)/sbom/bin/cyclonedx-py dist

scan: env $(TOOLS)/scan/.stamp $(TOOLS)/sbom/.stamp ## judge the rendered manifests with checkov and kube-score, and show that they refuse dangerous ones
	$(BIN)/python -m tools.scan $(TOOLS)/scan/bin/checkov
	$(BIN)/python -m pytest tests/supply_chain

verify: generate lint scan sbom ## regenerate and check that git stays clean; judge the manifests; list what is in the images
	git diff --exit-code -- trainer-image/contract crds docs/reference operator/idla/library.yaml

clean: ## remove the environment and the tools' caches
	rm -rf $(VENV) $(TOOLS) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
