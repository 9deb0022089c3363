# SPDX-FileCopyrightText: The WebSocket Gateway Authors
# SPDX-License-Identifier: Apache-2.0
#
# Every step that CI runs is a target here. A step that cannot run says what is
# missing and fails; no step is skipped in silence.

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
REVISION ?= $(shell git rev-parse HEAD 2>/dev/null)
LDFLAGS   = -s -w -X main.version=$(VERSION)
FUZZTIME ?= 5s
SOAK     ?= 10m
STEADY   ?= 5m
CHART    := charts/websocket-gateway-operator
BOILERPLATE := hack/boilerplate.go.txt

# All Go modules; those with code of ours (the others pin versions of programs);
# and those whose code is worth minutes of analysing what they import: not the
# short main functions around programs of others, below hack/cluster.
ALL_MODULES  = $(shell git ls-files -co --exclude-standard -- go.mod '*/go.mod' | xargs -n1 dirname | sort)
CODE_MODULES = $(filter-out hack/tools hack/tools/% hack/cluster/etcd hack/cluster/kubernetes,$(ALL_MODULES))
LINT_MODULES = $(filter-out hack/cluster/%,$(CODE_MODULES))
# What only a release needs (syft, cosign), or test-argocd, imports a thousand modules,
# and a tool whose module is there for its CRDs a hundred, which nobody should have to
# fetch for the tidying of files that no code of ours changes.
TIDY_MODULES ?= $(filter-out hack/tools/monitoring hack/tools/sbom hack/tools/signing test/argocd,$(ALL_MODULES))

.PHONY: help
help: ## Show this list.
	@awk 'BEGIN { FS = ":.*##"; print "Usage: make TARGET" } \
		/^##@/ { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z0-9-]+:.*##/ { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

##@ Develop

.PHONY: generate
generate: ## Write deep copies and apply configurations of the API types.
	@controller_gen=$$(hack/tool.sh controller-gen)
	$$controller_gen object:headerFile=$(BOILERPLATE) applyconfiguration:headerFile=$(BOILERPLATE) paths=./api/...

.PHONY: manifests
manifests: ## Write the CRDs and the operator's RBAC role, and copy what the chart needs of config.
	@controller_gen=$$(hack/tool.sh controller-gen)
	$$controller_gen crd paths=./api/... output:crd:dir=config/crd/bases
	$$controller_gen rbac:roleName=websocket-gateway-operator paths=./controllers/... output:rbac:dir=config/rbac
	hack/sync-chart.sh config $(CHART)

.PHONY: fmt
fmt: ## Format the Go code.
	@lint=$$(hack/tool.sh golangci-lint)
	for module in $(CODE_MODULES); do (cd $$module && $$lint fmt --config=$(CURDIR)/.golangci.yml); done

.PHONY: lint
lint: ## Run the linters over the Go code, and shellcheck over the scripts.
	@hack/need.sh shellcheck
	git ls-files -co --exclude-standard -- '*.sh' .ci/run | xargs -r shellcheck
	lint=$$(hack/tool.sh golangci-lint)
	failed=
	for module in $(LINT_MODULES); do
		(cd $$module && $$lint run --allow-serial-runners --config=$(CURDIR)/.golangci.yml ./...) || failed="$$failed $$module"
	done
	if [[ -n $$failed ]]; then echo "lint: findings in$$failed" >&2; exit 1; fi

.PHONY: tidy
tidy: ## Tidy every go.mod, or those of TIDY_MODULES.
	@for module in $(TIDY_MODULES); do go -C $$module mod tidy; done

.PHONY: golden
golden: ## Rewrite the golden files; review the result like code.
	@hack/test.sh golden

.PHONY: docs
docs: ## Write the generated API reference, the list of metrics and the chart's README.
	@crd_ref_docs=$$(hack/tool.sh crd-ref-docs)
	$$crd_ref_docs --source-path=api/v1alpha1 --config=hack/crd-ref-docs.yaml --renderer=markdown --log-level=ERROR \
		--output-path=docs/api-reference.md
	go run ./hack/metricsdoc docs
	helm_docs=$$(hack/tool.sh helm-docs)
	$$helm_docs --chart-search-root=charts --sort-values-order=file --log-level=warning

##@ Test

.PHONY: test
test: test-unit test-api fuzz ## Run everything that needs no cluster.

.PHONY: test-unit
test-unit: ## Test the packages that start no API server, under the race detector.
	@hack/need.sh gcc promtool
	hack/test.sh unit

.PHONY: test-api
test-api: ## Test the packages that start a real API server (built once, then cached).
	@hack/test.sh api

.PHONY: test-chart
test-chart: chart ## Test chart and kustomizations: renders, roles, and each object on a real API server.
	@go test ./test/chart
	assets=$$(cd hack/cluster && go run . assets | tail -n 1)
	KUBEBUILDER_ASSETS=$$assets go test ./test/install

.PHONY: fuzz
fuzz: ## Fuzz every target for FUZZTIME (5s).
	@FUZZTIME=$(FUZZTIME) hack/fuzz.sh

.PHONY: test-browser
test-browser: ## Test with a real browser, Chromium without a window.
	@hack/need.sh chromium
	go test -tags e2e -count=1 -timeout=10m ./test/browser

.PHONY: picture
picture: ## Draw the picture of the status page in docs/images, with Chromium.
	@hack/need.sh chromium
	WSGW_PICTURE=docs/images/status-page.png go test -tags e2e -count=1 -run=TestTheStatusPage ./test/browser

.PHONY: pictures
pictures: ## Run the tests on a real node, and draw its dashboards in docs/images.
	@hack/need.sh ip nft containerd runc cni prometheus script curl chromium
	WSGATEWAY_PICTURES=$(CURDIR)/docs/images hack/e2e.sh

# PARTS (separated by commas) measures these alone and puts them into the report that
# is there; ROUNDS replaces the number of rounds; MESSAGES=1 adds the other relay,
# PROFILES=FOLDER writes profiles of ours, whose price is then in the figures.
.PHONY: bench bench-quick
bench: ## Compare with HAProxy and nginx, side by side, into bin/bench.{txt,md,json,svg}.
bench-quick: export WSGATEWAY_BENCH = quick
bench-quick: ## The essential rows of that, in three minutes, into bin/bench-quick.*.
bench bench-quick:
	@hack/need.sh haproxy nginx
	@mkdir -p bin
	@WSGATEWAY_BENCH_OUT=$(CURDIR)/bin/$@ WSGATEWAY_BENCH_VERSION=$(VERSION) WSGATEWAY_BENCH_PARTS=$(PARTS) \
		WSGATEWAY_BENCH_ROUNDS=$(ROUNDS) WSGATEWAY_BENCH_MESSAGES=$(MESSAGES) \
		WSGATEWAY_BENCH_PROFILES=$(abspath $(PROFILES)) \
		go test -tags=bench -count=1 -v -timeout=60m -run=TestSideBySide ./test/bench

.PHONY: bench-docs
bench-docs: ## Put the report of bench into docs/performance.md and docs/images.
	@hack/benchdocs.sh bin/bench

.PHONY: bench-rotations
bench-rotations: ## 1,000 certificates and 1,000 configurations under 500 connections that talk.
	@WSGATEWAY_ROTATIONS=1000 go test -count=1 -v -timeout=30m -run=TestRotations ./test/soak

.PHONY: soak
soak: ## Connections come, talk and go in all ways for SOAK (10m), under the race detector.
	@hack/need.sh gcc
	WSGATEWAY_SOAK=$(SOAK) go test -race -tags=poison -count=1 -v -timeout=2h -run=TestSoak ./test/soak

.PHONY: bench-handshake
bench-handshake: ## Measure what a token adds to the cost of a connection; it has a bound.
	@go test ./gateway -run='^$$' -bench=HandshakeWithToken -benchtime=1x -count=3

.PHONY: bench-monitoring
bench-monitoring: ## Measure what audit, metrics and traces cost, in processor time and memory; it has bounds.
	@go test ./gateway -run='^$$' -bench='Monitoring$$|IdleConnectionMonitored' -benchtime=1x -timeout=30m

.PHONY: bench-memory
bench-memory: ## Measure what idle connections hold in memory, by how they were admitted.
	@go test ./gateway -run='^$$' -bench='IdleConnection$$' -benchtime=1x -timeout=30m

.PHONY: e2e
e2e: ## Test the whole on a real node with real cert-manager; needs root on Linux.
	@hack/need.sh ip nft containerd runc cni prometheus script curl
	hack/e2e.sh

.PHONY: test-helm
test-helm: ## Install, upgrade, roll back, uninstall by Helm 3 and 4 under 500 connections; needs root on Linux.
	@hack/need.sh ip nft containerd runc cni
	WSGATEWAY_E2E_ONLY=TestHelm hack/e2e.sh

# Not in .ci/run: building Argo CD alone takes minutes on a new machine. STEADY
# shortens the time in which everything must stay as it is.
.PHONY: test-argocd
test-argocd: ## Have a real Argo CD install the chart and gateways on a real node; needs root on Linux.
	@hack/need.sh ip nft containerd runc cni git redis-server
	WSGATEWAY_STEADY=$(STEADY) hack/argocd.sh

.PHONY: recording
recording: ## Type the commands of docs/plugin-session.md again, on a real node; needs root on Linux.
	@hack/need.sh ip nft containerd runc cni script
	WSGATEWAY_E2E_ONLY=TestPlugin WSGATEWAY_RECORDING=$(CURDIR)/docs/plugin-session.md hack/e2e.sh

##@ Build

.PHONY: build
build: ## Build all binaries into bin/.
	@CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags='$(LDFLAGS)' -o bin/ ./cmd/...
	ln -sf wsgw bin/kubectl-wsgw
	ln -sf wsgw bin/kubectl_complete-wsgw

# Images of other systems are compiled here too, so nothing but Go is needed for them.
ARCHS ?= amd64 arm64

.PHONY: images
images: ## Write images for amd64 and arm64 as OCI layouts into bin/images.
	@rm -rf bin/linux
	for arch in $(ARCHS); do
		CGO_ENABLED=0 GOOS=linux GOARCH=$$arch go build -trimpath -buildvcs=false -ldflags='$(LDFLAGS)' -o bin/linux/$$arch/ ./cmd/manager ./cmd/gateway ./test/echo
	done
	go -C hack/images run . pack $(CURDIR)/bin/linux $(CURDIR)/bin/images '$(VERSION)' '$(REVISION)'

.PHONY: images-again
images-again: images ## Build them again elsewhere, without a cache; the digests must be the same.
	@ARCHS='$(ARCHS)' VERSION='$(VERSION)' REVISION='$(REVISION)' hack/images/again.sh bin/images

.PHONY: sbom
sbom: images ## List what is in each image, as SPDX, into bin/images.
	@syft=$$(hack/tool.sh syft)
	go -C hack/images run . sbom "$$syft" $(CURDIR)/bin/linux $(CURDIR)/bin/images '$(VERSION)'

.PHONY: sign-rehearsal
sign-rehearsal: sbom ## Push, sign and verify them with a throw-away registry and key.
	@hack/images/rehearsal.sh bin/images

.PHONY: chart
chart: ## Lint the Helm chart, run its unit tests, and package it into bin/.
	@helm=$$(hack/tool.sh helm)
	helm3=$$(hack/tool.sh helm@v3)
	unittest=$$(hack/tool.sh helm-unittest)
	$$helm lint --strict $(CHART)
	$$helm3 lint --strict --kube-version=1.37.0 $(CHART)
	$$unittest --strict $(CHART)
	$$helm package $(CHART) --destination bin

.PHONY: build-installer
build-installer: ## Write everything that an installation without Helm needs into dist/install.yaml.
	@kustomize=$$(hack/tool.sh kustomize)
	mkdir -p dist
	$$kustomize build config/default >dist/install.yaml

##@ Run

.PHONY: cluster-up
cluster-up: ## Start a one-node Kubernetes on this machine; needs root on Linux.
	@hack/need.sh ip nft containerd runc cni
	cd hack/cluster && go run . up

.PHONY: cluster-down
cluster-down: ## Stop it and remove all of it.
	@cd hack/cluster && go run . down

.PHONY: demo
demo: ## A working wss:// with certificate and token, on a cluster of its own.
	@hack/need.sh ip nft containerd runc cni
	echo "Compiling the demo itself; on a new machine this takes a few minutes."
	go run ./hack/demo up

.PHONY: demo-down
demo-down: ## Remove the demo.
	@go run ./hack/demo down

##@ Gates

.PHONY: verify
verify: ## Generate, format, tidy and lint, then fail if that changed a file.
	@$(MAKE) generate
	$(MAKE) manifests
	$(MAKE) docs
	$(MAKE) fmt
	$(MAKE) tidy
	$(MAKE) lint
	$(MAKE) chart
	hack/clean-tree.sh

.PHONY: clean
clean: ## Remove what build wrote; the cache of tools stays.
	@rm -rf bin dist
