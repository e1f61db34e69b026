# The verbs of the project, for people and for CI alike. `make` alone lists them.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help install run test chaos check format fuzz audit lock page screenshots bench wheel version package images cluster \
	load deploy e2e grafana clean

BIN := .venv/bin
INSTALLED := .venv/.installed
PAGE := services/rtchart/web/page
BUILT := $(PAGE)/built/main.js
SERVICES := producer inserter aggregator web sim operator

# The first Python that rtchart runs on; `make PYTHON=/path/to/python3.12 …` chooses another.
SUITS := import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))
PYTHON ?= $(firstword $(foreach python,python3 python3.13 python3.12 python3.11,$(shell $(python) -c '$(SUITS)' 2>/dev/null && echo $(python))))

help: ## list the verbs
	@sed -n 's/^\([a-z0-9]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

install: $(INSTALLED) $(BUILT) ## what is missing: locked packages into .venv, and the page

$(INSTALLED): requirements/dev.txt pyproject.toml
	@if [ -z "$(PYTHON)" ]; then \
	  echo "rtchart needs Python 3.11 to 3.13 with its module venv (on Debian: apt install python3-venv);" \
	    "here is: $$(python3 --version 2>&1 || true). Name another one with make PYTHON=/path/to/python3" >&2; exit 1; fi
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

page: $(BUILT) ## build the page: its modules, its sheets and the chart library (npm, locked) in a few files

$(BUILT): package-lock.json scripts/page.py $(shell find $(PAGE) -name built -prune -o -type f ! -path "*/.*" -print) | $(INSTALLED)
	$(BIN)/python scripts/page.py build

run: install ## everything on this machine: `rtchart up` (ARGS="--exchange sim" passes options on)
	@exec $(BIN)/rtchart up $(ARGS)

# Much of a test is waiting for real servers: three processes, each with servers of its own, fill two processors.
test: install ## every test that needs no cluster (ARGS="tests/web -x" passes options on to pytest; ARGS=-n0: in one process)
	$(BIN)/pytest --numprocesses 3 --dist worksteal --durations 15 $(ARGS)

SEED ?= 1
chaos: install ## every fault, alone and together, against the exchange's own record (SEED=2 ARGS="-k half_open")
	SEED=$(SEED) $(BIN)/pytest tests/chaos $(ARGS)

check: install ## format, lint, types, import contract
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/asyncapi.py --check
	$(BIN)/python scripts/configuration.py --check
	$(BIN)/python scripts/chart.py --check
	$(BIN)/python scripts/faults.py --check
	$(BIN)/python scripts/metrics.py --check
	$(BIN)/python scripts/alerts.py --check
	$(BIN)/python -m scripts.dashboards --check
	$(BIN)/python scripts/page.py check

format: install ## write the code the way `check` wants it
	$(BIN)/ruff format
	$(BIN)/ruff check --fix
	$(BIN)/python scripts/page.py format

# 300 inputs of each kind, the same ones each time, are tried by `make test` too.
fuzz: install ## many inputs that nobody means, and how many they were (FUZZ=20000: of each kind)
	$(if $(FUZZ),FUZZ=$(FUZZ) )$(BIN)/pytest -n0 --timeout 3600 tests/fuzz $(ARGS)

audit: install ## ask the registries for known flaws in what is locked (REQUIRE_AUDIT=1: fails where one does not answer)
	$(BIN)/python scripts/audit.py

screenshots: install ## pictures of the page into screenshots/ (ARGS=URL: of the one that runs there)
	$(BIN)/python -m tests.page.screenshots $(ARGS)

bench: install ## measure against the bare way, into the terminal (docs/performance.md says what)
	$(BIN)/python -m bench $(ARGS)

wheel: install ## build dist/rtchart-*.whl, the page in it
	$(BIN)/python -m build --wheel --no-isolation

# What everything needs together is locked first, and each service gets the same versions of what it needs of that.
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
  --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"
LOCKED = --constraint requirements/dev.txt --output-file

lock: ## renew requirements/*.txt and Kafka's list of jars (UPGRADE=--upgrade takes newer versions)
	@test -x $(BIN)/uv || $(MAKE) install
	$(COMPILE) $(UPGRADE) pyproject.toml --extra up --extra operator --group dev --output-file requirements/dev.txt
	for service in $(SERVICES) up; do \
	  $(COMPILE) pyproject.toml --extra $$service $(LOCKED) requirements/$$service.txt; done
	$(COMPILE) --group build $(LOCKED) requirements/build.txt
	$(COMPILE) pyproject.toml $(SERVICES:%=--extra %) --group reload $(LOCKED) requirements/reload.txt
	$(BIN)/python -m rtchart.local.jars --write

# --- Kubernetes ---

# The images are NAME/SERVICE:TAG; REGISTRY=ghcr.io/example/ is put before them.
REGISTRY ?=
TAG ?= dev
NAMESPACE ?= rtchart
VERSION = $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' services/rtchart/__init__.py)
BUILD = docker build $(DOCKER_BUILD_ARGS) --build-arg VERSION=$(VERSION) \
  --build-arg REVISION=$$(git rev-parse HEAD 2>/dev/null || echo unknown)

images: ## build the image of each service; prints its size, and how long it starts (TAG=dev, REGISTRY=)
	@for service in $(SERVICES); do \
	  $(BUILD) --quiet --target $$service --tag $(REGISTRY)rtchart/$$service:$(TAG) . >/dev/null; \
	  size=$$(docker image inspect --format '{{.Size}}' $(REGISTRY)rtchart/$$service:$(TAG)); \
	  began=$$(date +%s%N); docker run --rm --read-only --network none $(REGISTRY)rtchart/$$service:$(TAG) --help >/dev/null; \
	  printf '%-12s %5d MB   starts in %4d ms, its container included\n' \
	    $$service $$((size / 1000000)) $$((($$(date +%s%N) - began) / 1000000)); done

version: ## the version, which is in three places (OF=v1.2.3: and has to be this one)
	@sed -n 's/^version: //p; s/^appVersion: //p' charts/rtchart/Chart.yaml | { while read -r each; do \
	  [ "$$each" = "$(VERSION)" ] || { echo "charts/rtchart/Chart.yaml says $$each, rtchart itself $(VERSION)" >&2; exit 1; }; done; }
	@case "$${OF:-v$(VERSION)}" in v$(VERSION)) echo $(VERSION) ;; \
	  *) echo "$$OF is no tag of version $(VERSION)" >&2; exit 1 ;; esac

PACKAGES ?= build
package: ## the chart as build/rtchart-VERSION.tgz, for the images of REGISTRY=ghcr.io/example/ (TAG=: if not the version)
	@rm -rf build/chart && mkdir -p build && cp -r charts/rtchart build/chart
	@sed -i -e '/^image:/,/^imagePullSecrets:/ s|^  registry: ""|  registry: "$(patsubst %/,%,$(REGISTRY))"|' \
	  -e '/^image:/,/^imagePullSecrets:/ s|^  tag: ""|  tag: "$(filter-out dev,$(TAG))"|' build/chart/values.yaml
	@eval "$$(scripts/cluster env 2>/dev/null)"; helm package build/chart --destination $(PACKAGES)

cluster: ## bring up a local Kubernetes: kind, where it is installed (scripts/cluster says what else)
	@scripts/cluster up

load: ## put the images into the local cluster
	@scripts/cluster load $(SERVICES:%=$(REGISTRY)rtchart/%:$(TAG))

# What a local cluster gets unless VALUES says otherwise: no exchange has to be reached.
VALUES ?= --set exchange.binance.enabled=false,exchange.sim.enabled=true
deploy: cluster images load ## build, load and install with Helm (NAMESPACE=rtchart, VALUES="--set …" for helm)
	@eval "$$(scripts/cluster env)"; helm upgrade --install rtchart charts/rtchart --namespace $(NAMESPACE) --create-namespace \
	  --set image.tag=$(TAG) $(VALUES) --wait --timeout 5m

# The release before this one, which an upgrade is tried from, and before the first one what there was a day before;
# PREVIOUS=HEAD~3 takes any commit for it, PREVIOUS= none.
PREVIOUS ?= $(shell git describe --tags --match 'v[0-9]*' --abbrev=0 HEAD^ 2>/dev/null || git rev-list -1 --before='1 day ago' HEAD)
CLUSTER_TESTS ?= tests/chart tests/operator tests/e2e
e2e: install cluster images load ## every test that needs a cluster or Helm, on the local one (CLUSTER_TESTS=tests/e2e ARGS="-k symbol": some)
	@if [ -n "$(PREVIOUS)" ]; then scripts/previous "$(PREVIOUS)" build/previous; fi
	@eval "$$(scripts/cluster env)"; TAG=$(TAG) REGISTRY=$(REGISTRY) \
	  PREVIOUS_CHART=$(if $(PREVIOUS),$(CURDIR)/build/previous/charts/rtchart) $(BIN)/pytest $(CLUSTER_TESTS) $(ARGS)

# Of the machine's network, as Prometheus is asked at an address of it.
GRAFANA ?= grafana/grafana:12.1.0
PROMETHEUS ?= http://127.0.0.1:9091
grafana: ## Grafana in Docker with the dashboards, at http://localhost:3000 (PROMETHEUS=http://127.0.0.1:9091, GRAFANA=image)
	docker run --rm --network host --name rtchart-grafana --env PROMETHEUS=$(PROMETHEUS) \
	  --env GF_AUTH_ANONYMOUS_ENABLED=true --env GF_AUTH_ANONYMOUS_ORG_ROLE=Editor --env GF_SERVER_HTTP_ADDR=127.0.0.1 \
	  --env GF_ANALYTICS_REPORTING_ENABLED=false --env GF_ANALYTICS_CHECK_FOR_UPDATES=false \
	  --volume $(CURDIR)/k8s/monitoring/grafana/datasource.yaml:/etc/grafana/provisioning/datasources/rtchart.yaml:ro \
	  --volume $(CURDIR)/k8s/monitoring/grafana/dashboards.yaml:/etc/grafana/provisioning/dashboards/rtchart.yaml:ro \
	  --volume $(CURDIR)/charts/rtchart/dashboards:/var/lib/rtchart/dashboards:ro $(GRAFANA)

clean: ## remove what was built and fetched here; rtchart-data stays
	rm -rf .venv node_modules $(PAGE)/built $(PAGE)/.built-* build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
