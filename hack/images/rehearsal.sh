#!/usr/bin/env bash
# SPDX-FileCopyrightText: The WebSocket Gateway Authors
# SPDX-License-Identifier: Apache-2.0
#
# hack/images/rehearsal.sh LAYOUTS does with the images what a release does, as
# docs/images.md tells it: push, sign, attest, verify. Registry and key are thrown
# away afterwards, and nothing is published. It also sees that a stranger's key, and
# an image whose list was not signed yet, are refused.
set -euo pipefail

cd "$(dirname "$0")/../.."
layouts=$(cd "${1:?usage: hack/images/rehearsal.sh LAYOUTS}" && pwd)
crane=$(hack/tool.sh crane)
cosign=$(hack/tool.sh cosign)

work=$(mktemp -d)
registry=
finish() {
	if [[ -n $registry ]]; then kill "$registry" 2>/dev/null || true; fi
	rm -rf "$work"
}
trap finish EXIT

# quietly shows what a command says only if it fails.
quietly() {
	if ! "$@" >"$work/said.log" 2>&1; then
		cat "$work/said.log" >&2
		echo "hack/images/rehearsal.sh: this has failed: $*" >&2
		exit 1
	fi
}

refused() {
	if "$@" >"$work/refused.log" 2>&1; then
		echo "hack/images/rehearsal.sh: this must have been refused: $*" >&2
		exit 1
	fi
}

"$crane" registry serve --address 127.0.0.1:0 >"$work/registry.log" 2>&1 &
registry=$!
# It names its port once it listens.
for _ in {1..100}; do
	port=$(sed -n "s/.*serving on port //p" "$work/registry.log")
	[[ -n $port ]] && break
	sleep 0.1
done
if [[ -z $port ]]; then
	cat "$work/registry.log" >&2
	echo "hack/images/rehearsal.sh: the registry did not start" >&2
	exit 1
fi

export COSIGN_PASSWORD=rehearsal
quietly "$cosign" generate-key-pair --output-key-prefix "$work/release"
quietly "$cosign" generate-key-pair --output-key-prefix "$work/stranger"
# A key of one's own needs no service, neither to sign nor to verify.
quietly "$cosign" signing-config create --out "$work/signing.json"

for name in manager gateway echo; do
	image=$("$crane" push "$layouts/$name" "127.0.0.1:$port/wsgateway/$name:rehearsal")
	quietly "$cosign" sign --key "$work/release.key" --signing-config "$work/signing.json" --recursive --yes "$image"
	quietly "$cosign" verify --key "$work/release.pub" --insecure-ignore-tlog "$image"
	refused "$cosign" verify --key "$work/stranger.pub" --insecure-ignore-tlog "$image"
	for list in "$layouts/$name"-*.spdx.json; do
		arch=${list##*-}
		arch=${arch%.spdx.json}
		platform=127.0.0.1:$port/wsgateway/$name@$("$crane" digest --platform "linux/$arch" "$image")
		quietly "$cosign" verify --key "$work/release.pub" --insecure-ignore-tlog "$platform"
		refused "$cosign" verify-attestation --key "$work/release.pub" --insecure-ignore-tlog --type spdxjson "$platform"
		quietly "$cosign" attest --key "$work/release.key" --signing-config "$work/signing.json" \
			--type spdxjson --predicate "$list" --yes "$platform"
		quietly "$cosign" verify-attestation --key "$work/release.pub" --insecure-ignore-tlog --type spdxjson "$platform"
	done
	echo "$image: pushed, signed, attested, verified; refused with another key and before it was attested"
done
