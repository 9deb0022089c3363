#!/usr/bin/env bash
# SPDX-FileCopyrightText: The WebSocket Gateway Authors
# SPDX-License-Identifier: Apache-2.0
#
# hack/e2e.sh installs everything on the one-node cluster of hack/cluster, as the
# demo does, and runs the tests of test/e2e against it. The cluster is taken down
# at the end; WSGATEWAY_E2E_KEEP=1 leaves it for a look around. WSGATEWAY_E2E_ONLY
# names a test that is one chapter, to tell that one only.
set -euo pipefail
cd "$(dirname "$0")/.."

finish() {
	local status=$?
	if [[ -n ${WSGATEWAY_E2E_KEEP:-} ]]; then
		echo "hack/e2e.sh: the cluster is left up; 'make cluster-down' removes it" >&2
	else
		go -C hack/cluster run . down || status=1
	fi
	exit "$status"
}
trap finish EXIT

go run ./hack/demo install
state=${WSGATEWAY_STATE:-/var/lib/websocket-gateway-operator}
eval "$(go -C hack/cluster run . env)"
WSGATEWAY_ISSUER_KEY=$state-demo/issuer.pem \
	WSGATEWAY_APISERVER_AUDIT_LOG=$WSGATEWAY_AUDIT_LOG \
	WSGATEWAY_QUIET=${WSGATEWAY_QUIET:-2m} \
	go test -tags e2e -count=1 -v -timeout=30m -run "^${WSGATEWAY_E2E_ONLY:-TestOnARealNode}\$" ./test/e2e/...
