#!/usr/bin/env bash
# SPDX-FileCopyrightText: The WebSocket Gateway Authors
# SPDX-License-Identifier: Apache-2.0
#
# hack/freeze.sh VERSION keeps what a release is, for the tests of the next one
# (test/skew): its contract, what its operator writes, the objects that it makes, and
# the values of its chart. It is run when the release is made; then test/skew,
# test/chart and controllers/upgrade_test.go name the new folder, and the one before
# it goes.
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ ! ${1-} =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]]; then
	echo "usage: hack/freeze.sh VERSION, such as 0.1.0" >&2
	exit 2
fi
to=test/skew/testdata/v$1
if [[ -e $to ]]; then
	echo "hack/freeze.sh: $to is there already; a release does not change" >&2
	exit 1
fi
mkdir -p "$to/contract"
for file in gateway/contract/*.go; do
	[[ $file == *_test.go ]] || cp "$file" "$to/contract/"
done
# Each case with a file that was served, and each way to make pods.
cases="every-field smallest audit-collector-with-a-ca client-address client-certificates external tracing
	relay-of-each-kind key-set-uri-with-ca certificate-in-rules policy-in-dry-run header-with-a-prefix
	one-of-several-services-missing client-ca-missing"
for name in $cases; do
	from=controllers/compile/testdata/$name
	mkdir -p "$to/cases/$name"
	cp "$from/gateway.yaml" "$from/refs.yaml" "$to/cases/$name/"
	cp "$from/want.json" "$to/cases/$name/config.json"
done
for name in least audit-file drain-window resources secrets-of-policies; do
	from=controllers/render/testdata/$name
	mkdir -p "$to/pods/$name"
	cp "$from/gateway.yaml" "$to/pods/$name/"
	cp "$from/want.yaml" "$to/pods/$name/objects.yaml"
done
cp charts/websocket-gateway-operator/values.yaml "$to/values.yaml"
echo "$to"
