#!/usr/bin/env bash
# SPDX-FileCopyrightText: The WebSocket Gateway Authors
# SPDX-License-Identifier: Apache-2.0
#
# hack/fuzz.sh runs each fuzz target of the product module for FUZZTIME. Go
# fuzzes one target per call, hence the loop. A crash leaves its input below
# testdata/fuzz of the package: commit it with the fix.
set -euo pipefail
cd "$(dirname "$0")/.."

output=$(mktemp)
trap 'rm -f "$output"' EXIT

# fuzz PACKAGE TARGET runs one target. The go command sometimes takes the end of
# the time for a failure of a worker that was just busy: it then reports
# "context deadline exceeded" and no input that fails. Only that is tried again,
# once, and said.
fuzz() {
	local attempt
	for attempt in 1 2; do
		if go test -run='^$' -fuzz="^$2\$" -fuzztime="${FUZZTIME:-5s}" "$1" 2>&1 | tee "$output"; then
			return 0
		fi
		grep -q 'context deadline exceeded' "$output" && ! grep -q 'Failing input' "$output" || return 1
		echo "fuzz: $1 $2: the time ended while a worker was busy (attempt $attempt)" >&2
	done
	return 1
}

count=0
while read -r package folder; do
	targets=$(find "$folder" -maxdepth 1 -name '*_test.go' \
		-exec sed -nE 's/^func (Fuzz[A-Za-z0-9_]+)\(f \*testing\.F\).*/\1/p' {} + | sort)
	for target in $targets; do
		echo "fuzz: $package $target"
		fuzz "$package" "$target"
		count=$((count + 1))
	done
done < <(go list -f '{{.ImportPath}} {{.Dir}}' ./...)

if [[ $count == 0 ]]; then
	echo "hack/fuzz.sh: no fuzz target found, but every parser must have one" >&2
	exit 1
fi
