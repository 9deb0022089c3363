#!/usr/bin/env bash
# SPDX-FileCopyrightText: The WebSocket Gateway Authors
# SPDX-License-Identifier: Apache-2.0
#
# hack/tool.sh NAME[@MAJOR] prints the path of a build tool, building it first if
# this version has never been built on this machine. Where two major versions of a
# program are pinned, NAME alone is the newest, and helm@v3 for example the other.
# NAME is the end of the path of its package: helm, or argo-cd/v3/cmd.
#
# Versions are pinned by the go.mod files below hack/tools, one module per group
# of tools whose dependencies agree, and by that of test/argocd. Binaries live
# outside the checkout, keyed by those pins and the Go version, so that a fresh
# clone or a second work tree costs nothing and an upgrade can never run an old
# binary.
set -euo pipefail

name=${1:?usage: hack/tool.sh NAME[@MAJOR]}
program=${name%@*}
tools=$(cd "$(dirname "$0")/tools" && pwd)
argocd=$(cd "$(dirname "$0")/../test/argocd" && pwd)

# A tool line of a go.mod holds a package path and no version, which is what
# tells it from a requirement.
found=$(grep -rE --include=go.mod "^(tool )?[[:space:]]*[^[:space:]]+/${program}(/v[0-9]+)?$" "$tools" "$argocd" || true)
if [[ $name == *@* ]]; then
	found=$(grep -F "/${name#*@}/" <<<"$found" || true)
fi
# Lines that differ in nothing but the major version are one program.
if [[ $(sed -E 's#/v[0-9]+/#/#' <<<"$found" | sort -u | grep -c .) != 1 ]]; then
	echo "hack/tool.sh: want one tool line for '$name' below hack/tools or in test/argocd, found: ${found:-none}" >&2
	exit 1
fi
found=$(sort -V <<<"$found" | tail -n 1)
module=$(dirname "${found%%:*}")
package=$(sed -E 's/^[^:]*:(tool )?[[:space:]]*//' <<<"$found")

key=$( (go env GOVERSION GOOS GOARCH && cat "$module/go.mod" "$module/go.sum") | sha256sum | cut -c1-16)
cache=${WSGATEWAY_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/websocket-gateway-operator}/tools/$key
binary=$cache/${name##*/}

if [[ ! -x $binary ]]; then
	mkdir -p "$cache"
	# Two callers at once should wait for one build, not pay for two. Without
	# flock both build, and the rename below still leaves a whole binary.
	exec 9>"$cache/.lock"
	if command -v flock >/dev/null; then flock 9; fi
fi
if [[ ! -x $binary ]]; then
	echo "hack/tool.sh: building $name (once per version; kept in $cache)" >&2
	started=$SECONDS
	GOWORK=off GOFLAGS='' CGO_ENABLED=0 nice go build -C "$module" -mod=readonly -trimpath -buildvcs=false \
		-ldflags='-s -w' -o "$binary.new" "$package" >&2
	mv "$binary.new" "$binary"
	echo "hack/tool.sh: built $name in $((SECONDS - started)) s" >&2
fi
echo "$binary"
