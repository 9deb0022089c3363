#!/usr/bin/env bash
# SPDX-FileCopyrightText: The WebSocket Gateway Authors
# SPDX-License-Identifier: Apache-2.0
#
# hack/argocd.sh starts the one-node cluster of hack/cluster with our images and
# nothing installed, and has a real Argo CD do the rest: test/argocd. The cluster
# is taken down at the end; WSGATEWAY_E2E_KEEP=1 leaves it for a look around.
# WSGATEWAY_STEADY (5m) is how long everything must stay as it is.
#
# Argo CD is built once per version, which takes some minutes, and kept outside of
# the checkout, as all tools are.
set -euo pipefail
cd "$(dirname "$0")/.."

bin=$(mktemp -d)
finish() {
	local status=$?
	rm -rf "$bin"
	if [[ -n ${WSGATEWAY_E2E_KEEP:-} ]]; then
		echo "hack/argocd.sh: the cluster is left up; 'make cluster-down' removes it" >&2
	else
		go -C hack/cluster run . down || status=1
	fi
	exit "$status"
}
trap finish EXIT

go -C test/argocd mod tidy -diff
WSGATEWAY_ARGOCD=$(hack/tool.sh argo-cd/v3/cmd)
WSGATEWAY_HELM=$(hack/tool.sh helm)
WSGATEWAY_KUSTOMIZE=$(hack/tool.sh kustomize)
WSGATEWAY_ARGOCD_SOURCE=$(go -C test/argocd list -m -f '{{.Dir}}' github.com/argoproj/argo-cd/v3)
export WSGATEWAY_ARGOCD WSGATEWAY_HELM WSGATEWAY_KUSTOMIZE WSGATEWAY_ARGOCD_SOURCE
export WSGATEWAY_STEADY=${WSGATEWAY_STEADY:-5m}

go -C hack/cluster run . up
# The names that the chart and the samples have by themselves.
version=$(sed -n 's/^appVersion: "\(.*\)"$/\1/p' charts/websocket-gateway-operator/Chart.yaml)
CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o "$bin/" ./cmd/manager ./cmd/gateway ./test/echo
go -C hack/cluster run . load-image "ghcr.io/wsgateway/manager:$version=$bin/manager" \
	"ghcr.io/wsgateway/gateway:$version=$bin/gateway" "ghcr.io/wsgateway/echo:0.1.0=$bin/echo"
eval "$(go -C hack/cluster run . env)"
go -C test/argocd test -tags e2e -count=1 -v -timeout=45m .
