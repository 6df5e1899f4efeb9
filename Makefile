# Every target says what it does: `make help`. Whatever a target needs, it installs or builds first.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp
TOOLS := .tools
.DEFAULT_GOAL := help

.PHONY: help env requirements generate format lint test test-unit test-api test-server test-trainer \
  test-operator test-operator-life test-operator-faults \
  test-faults test-faults-writes test-faults-reads test-faults-outages test-faults-bounded test-cluster test-e2e \
  demo cluster images cluster-down bench-serving bench-trainer verify clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-19s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

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
	$(BIN)/python -m idla.api.crdgen
	$(BIN)/python -m idla.api.crdgen_docs
	$(BIN)/python -m idla.library

format: env ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix-only --quiet .

lint: env ## format check, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy

test: lint test-unit test-server test-api test-fuzz-bounded test-operator test-faults-bounded test-trainer test-cluster test-e2e ## everything that must pass (CI calls this)

test-unit: env ## unit tests, in seconds
	$(BIN)/python -m pytest tests/unit

test-server: env ## tests of the model server as a process (half a minute)
	$(BIN)/python -m pytest tests/server

test-api: env ## tests on a real API server (the first time builds Kubernetes, about 6 minutes)
	$(BIN)/python -m pytest tests/integration/api

test-operator: env ## the real operator on a real API server with simulated pods: the two below side by side
	$(MAKE) --jobs=2 --output-sync=target test-operator-life test-operator-faults

test-operator-life: env ## whole way, kills, life, rights, replicas
	$(BIN)/python -m pytest tests/integration/operator --ignore tests/integration/operator/faults

test-operator-faults: env ## faults of control plane, nodes, pods, admission, clocks and hands
	$(BIN)/python -m pytest tests/integration/operator/faults

test-faults: env ## the operator behind a fault proxy, whole: the three below side by side (about 20 minutes)
	$(MAKE) --jobs=3 --output-sync=target test-faults-writes test-faults-reads test-faults-outages

test-faults-writes: env ## killed, cut off and refused at every write
	$(BIN)/python -m pytest tests/faults/test_derived.py tests/faults/test_rules.py

test-faults-reads: env ## reads and watches that go wrong
	$(BIN)/python -m pytest tests/faults/test_reads.py

test-faults-outages: env ## what kopf ends on, and an API server that is away
	$(BIN)/python -m pytest tests/faults/test_kopf_exits.py

test-faults-bounded: env ## the part of the fault tests that belongs to `make test` (a minute and a half)
	$(BIN)/python -m pytest tests/faults -m bounded

.PHONY: test-fuzz test-fuzz-bounded
test-fuzz-bounded: env ## a thousand drawn objects through the core (half a minute)
	$(BIN)/python -m pytest tests/fuzz -m "not api"

test-fuzz: env ## 10,000 objects drawn from the CRDs through the core, and some through a real API server (10 minutes)
	IDLA_FUZZ_OBJECTS=10000 IDLA_FUZZ_SEED=$${SEED:-$$(date +%s)} $(BIN)/python -m pytest tests/fuzz

test-trainer: env ## the trainer with TensorFlow on the real digits: whole way, kills and resumption, bad input (about 2 minutes)
	$(BIN)/python -m pytest tests/trainer

test-cluster: images ## tests on the local Kubernetes, and one that takes a second cluster up and down
	$(BIN)/python -m pytest tests/integration/cluster

test-e2e: images ## the whole way with real pods on the local Kubernetes (about 10 minutes)
	$(BIN)/python -m pytest tests/e2e

.PHONY: try
try: env ## the YAML of README as processes on this machine: no cluster, no root (a minute)
	IDLA_SAMPLES="$$($(BIN)/python -m tests.samples)" $(BIN)/idla run --local -f manifests/samples/digits.yaml --output dist/digits

demo: images ## from 15 lines of YAML to an endpoint that answers, on the local cluster, everything checked
	$(BIN)/python -m demo

cluster: env ## bring up a real Kubernetes on this machine, or mend it
	$(BIN)/python -m tests.cluster up

images: cluster ## build the product's images and bring them into the cluster; only what changed
	$(BIN)/python -m tests.cluster images

cluster-down: env ## take the local Kubernetes away with all it made
	$(BIN)/python -m tests.cluster down

bench-serving: env ## requests a second, latency and memory of the model server (half a minute)
	$(BIN)/python benchmarks/serving/measure.py

bench-trainer: env ## accuracy, size, speed and time of both library entries over three seeds (about 4 minutes)
	$(BIN)/python benchmarks/trainer_digits.py --seeds 1 2 3

$(TOOLS)/%/.stamp: $(BIN)/uv requirements/%.txt
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(TOOLS)/$*
	$(BIN)/uv pip install --quiet --python $(TOOLS)/$*/bin/python --require-hashes -r requirements/$*.txt
	@touch $@

.PHONY: sbom scan
sbom: env $(TOOLS)/sbom/.stamp ## write a bill of materials (CycloneDX) of each image's Python packages into dist, checked against its list
	$(BIN)/python -m tests.sbom $(TOOLS)/sbom/bin/cyclonedx-py dist

scan: env $(TOOLS)/scan/.stamp $(TOOLS)/sbom/.stamp ## judge the rendered manifests with checkov and kube-score, and show that they refuse dangerous ones
	$(BIN)/python -m tests.scan $(TOOLS)/scan/bin/checkov
	$(BIN)/python -m pytest tests/supply_chain

verify: generate lint scan sbom ## regenerate and check that git stays clean; judge the manifests; list what is in the images
	git diff --exit-code -- trainer-image/contract crds docs/reference operator/idla/library.yaml

clean: ## remove the environment and the tools' caches
	rm -rf $(VENV) $(TOOLS) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
