#!/usr/bin/env bash
# SPDX-FileCopyrightText: The WebSocket Gateway Authors
# SPDX-License-Identifier: Apache-2.0
#
# hack/fuzz.sh runs each fuzz target of the product module for FUZZTIME. Go
# fuzzes one target per call, hence the loop. A crash leaves its input below
# testdata/fuzz of the package: commit it with the fix.
set -euo pipefail
cd "$(dirname "$0")/.."

count=0
while read -r package folder; do
	targets=$(find "$folder" -maxdepth 1 -name '*_test.go' \
		-exec sed -nE 's/^func (Fuzz[A-Za-z0-9_]+)\(f \*testing\.F\).*/\1/p' {} + | sort)
	for target in $targets; do
		echo "fuzz: $package $target"
		go test -run='^$' -fuzz="^$target\$" -fuzztime="${FUZZTIME:-5s}" "$package"
		count=$((count + 1))
	done
done < <(go list -f '{{.ImportPath}} {{.Dir}}' ./...)

if [[ $count == 0 ]]; then
	echo "hack/fuzz.sh: no fuzz target found, but every parser must have one" >&2
	exit 1
fi
