# Everything sets itself up: the packages of the lock file (a pinned Node among them), generated types, and, for the
# targets that need one, a stock Envoy and a Kubernetes API server. A machine needs npm, python3 with pip unless it has an
# Envoy of its own, and Go for the tests against Kubernetes, which are skipped without.
SHELL := /bin/sh
.SHELLFLAGS := -ec
.DEFAULT_GOAL := help
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

INSTALLED := node_modules/.package-lock.json
TYPES := src/xds/generated/messages.ts
RECORDED := ../shared/parity/scenarios
IMAGE := keelson:0.1.0

.PHONY: help build check test test-suite test-quiet test-cluster conformance golden bench bench-console bench-envoy bench-control-plane bench-start bench-storm parity demo lint format typecheck manifests protos envoy kubernetes helm prometheus image kind-up kind-down deploy kind-demo clean

help: ## Show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: envoy ## Open a book shop of real Envoys and show what a mesh does (ONCE=1: run through and end)
	@ONCE='$(ONCE)' node demo/run.ts

test: ## Run all tests: the suite, then those in a whole cluster, which say why where none can be made
	@$(MAKE) --no-print-directory test-suite
	@$(MAKE) --no-print-directory test-cluster

test-suite: envoy kubernetes helm prometheus ## Run the tests that need no cluster
	@vitest run $(TEST_FLAGS)

test-quiet: kubernetes ## Leave a kind of a real API server alone for ten minutes, and see that nothing is lost
	@QUIET_MINUTES=10 vitest run test/kubernetes/quiet.test.ts

test-cluster: envoy kubernetes ## Run the tests in a whole cluster (needs root and Go; much longer the first time)
	@vitest run --config test/cluster/vitest.config.ts $(or $(TEST_FLAGS),--reporter=verbose)

check: $(TYPES) ## Check format, lint and types
	@prettier --check --log-level warn .
	@oxlint --type-aware
	@tsc --noEmit
	@tsc --noEmit -p src/console

build: $(TYPES) ## Compile to dist/
	@rm -rf dist
	@tsc -p tsconfig.build.json
	@node scripts/console.ts

conformance: envoy kubernetes ## Run Gateway API's conformance suite in that cluster (needs root and Go)
	@node scripts/conformance.ts $(SUITE_FLAGS)

golden: $(TYPES) ## Rewrite the expected output of the golden tests
	@rm -rf test/golden/*/*/expected
	@vitest run --update test/golden.test.ts

bench: envoy ## Count the work of each kind of change, at 100 to 5,000 services; certificates per second; what metrics cost
	@node --expose-gc bench/run.ts
	@node bench/certificates.ts
	@node bench/metrics.ts

bench-console: ## Measure the console in a real Chromium with 1,000 services and 2,000 proxies (CHROMIUM, TIMES)
	@node bench/console.ts

bench-envoy: envoy ## Measure what the configuration of 1,000 services costs an Envoy, and what saves of that (needs iptables)
	@node bench/envoy-side.ts $(SIZES)

bench-control-plane: kubernetes build ## Measure the daemon over a real API server under hundreds of simulated sidecars
	@node bench/control-plane.ts $(SIZES)

bench-start: kubernetes build ## Measure the daemon's start in a cluster of 5,000 services and 20,000 Pods
	@node bench/start.ts $(SIZES)

bench-storm: kubernetes build ## Measure changes while certificates are asked for, and while 2,000 proxies connect
	@node bench/storm.ts $(SIZES)

parity: envoy ## Compare with what Istio generates and ask Envoy, where Istio's recorded scenarios are at hand
	@if [ -d $(RECORDED) ]; then \
	  ../shared/parity/compare.mjs --bin '$(CURDIR)/bin/keelson' $(if $(ONLY),--only $(ONLY)) $(RECORDED); \
	  node test/parity/nacks.ts $(RECORDED) $(if $(ONLY),--only $(ONLY)); \
	else echo 'The recorded scenarios are not here: nothing compared.'; fi

lint: $(TYPES) ## Lint
	@oxlint --type-aware

typecheck: $(TYPES) ## Check the types
	@tsc --noEmit
	@tsc --noEmit -p src/console

format: $(INSTALLED) ## Format everything
	@prettier --write --log-level warn .

clean: ## Remove everything that can be made again, but the packages
	@rm -rf dist .cache src/xds/generated

manifests: $(TYPES) ## Write the manifests in manifests/ again
	@node scripts/manifests.ts
	@node scripts/dashboards.ts

image: ## Build the container image (IMAGE=name:tag)
	@docker build --tag '$(IMAGE)' .

kind-up: ## Make a kind cluster, if there is none, and load the image into it (NODE_IMAGE=name:tag)
	@kind get clusters | grep -qx keelson || \
	  kind create cluster --config kind-config.yaml $(if $(NODE_IMAGE),--image '$(NODE_IMAGE)') --wait 300s
	@kind load docker-image '$(IMAGE)' --name keelson

kind-down: ## Remove that cluster
	@kind delete cluster --name keelson

deploy: $(TYPES) ## Install into the cluster of the current kubeconfig (SET='name=value,...')
	@bin/keelson manifests --set 'image=$(IMAGE)' $(if $(SET),--set '$(SET)') | kubectl apply --server-side --force-conflicts -f -
	@kubectl --namespace istio-system rollout status deployment/istiod --timeout=300s

kind-demo: image kind-up deploy ## The whole thing: image, cluster, install, and a shop with a canary
	@demo/kind/run.sh

protos: ## Generate the types of Envoy's messages again
	@rm -f $(TYPES)
	@$(MAKE) --no-print-directory $(TYPES)

envoy: $(TYPES)
	@node scripts/envoy.ts > /dev/null

kubernetes: $(INSTALLED) ## Build the Kubernetes API server that tests use (once, needs Go)
	@node scripts/kubernetes.ts --optional > /dev/null

helm: $(INSTALLED) ## Build the Helm that tests of the charts use, if there is none (once, needs Go)
	@node scripts/helm.ts --optional > /dev/null

prometheus: $(INSTALLED)
	@node scripts/prometheus.ts > /dev/null

$(TYPES): $(INSTALLED) scripts/generate-types.ts src/xds/codec/protos.ts src/xds/codec/newer-fields.ts src/xds/codec/descriptors.ts $(shell find protos -name '*.proto')
	@echo 'Generating types of Envoy messages ...' >&2
	@npm run --silent protos
	@touch $@

$(INSTALLED): package-lock.json
	@echo 'Installing packages ...' >&2
	@npm ci --loglevel=error
	@node_modules/.bin/node --version > /dev/null || { rm -f $@; \
	  echo 'npm did not install the pinned Node: let it run install scripts (npm config set ignore-scripts false).' >&2; exit 1; }
	@touch $@
