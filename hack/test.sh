#!/usr/bin/env bash
# SPDX-FileCopyrightText: The WebSocket Gateway Authors
# SPDX-License-Identifier: Apache-2.0
#
# hack/test.sh unit|api|golden|allocations runs one part of the product module's tests.
#
# The packages whose tests start an API server are found, not listed: a new one
# cannot be forgotten, and none of them competes for the processor with the
# timing tests of the data plane.
set -euo pipefail
cd "$(dirname "$0")/.."

envtest=sigs.k8s.io/controller-runtime/pkg/envtest

# needing_api_server prints the packages whose test binary links envtest.
needing_api_server() {
	go list -test -f "{{range .Deps}}{{if eq . \"$envtest\"}}{{\$.ImportPath}}{{end}}{{end}}" ./... |
		sed -n 's/\.test$//p'
}

unit() {
	local others packages
	others=$(needing_api_server)
	packages=$(go list ./... | grep -vxF "$others")
	# shellcheck disable=SC2086 # one argument per package
	go test -race -timeout=20m $packages
	allocations
	go -C hack/cluster test ./...
	go -C hack/images test ./...
}

# Under the race detector everything allocates. So tests that count allocations,
# TestNothingIsAllocated..., run once more without it.
allocations() {
	local folders
	folders=$({ git grep --untracked -lE '^func TestNothingIsAllocated' -- '*_test.go' || [[ $? == 1 ]]; } |
		xargs -rn1 dirname | sort -u | sed 's#^#./#')
	if [[ -z $folders ]]; then
		echo "hack/test.sh: no test counts allocations" >&2
		exit 1
	fi
	# shellcheck disable=SC2086 # one argument per package
	go test -count=1 -run '^TestNothingIsAllocated' $folders
}

api() {
	local packages assets
	packages=$(needing_api_server)
	if [[ -z $packages ]]; then
		echo "hack/test.sh: no test starts an API server, but the controllers need such tests" >&2
		exit 1
	fi
	# Building kube-apiserver takes minutes the first time; progress is on stderr.
	assets=$(cd hack/cluster && go run . assets | tail -n 1)
	# Each package starts an API server and etcd of its own, so no more than two run
	# at a time. The tests wait more than they compute: more of them run beside each
	# other than there are processors.
	# shellcheck disable=SC2086 # one argument per package
	KUBEBUILDER_ASSETS=$assets go test -p=2 -parallel=4 -timeout=15m $packages
}

# Golden tests have Golden in their name and understand -update.
golden() {
	local folders
	# git grep exits with 1 when it finds nothing.
	folders=$({ git grep --untracked -lE '^func Test\w*Golden\w*\(' -- '*_test.go' || [[ $? == 1 ]]; } |
		xargs -rn1 dirname | sort -u | sed 's#^#./#')
	if [[ -z $folders ]]; then
		echo "hack/test.sh: no golden test found" >&2
		exit 1
	fi
	# shellcheck disable=SC2086 # one argument per package
	go test -count=1 -run Golden $folders -update
}

case ${1:-} in
unit | api | golden | allocations) "$1" ;;
*)
	echo "usage: hack/test.sh unit|api|golden|allocations" >&2
	exit 2
	;;
esac
