#!/usr/bin/env bash
# SPDX-FileCopyrightText: The WebSocket Gateway Authors
# SPDX-License-Identifier: Apache-2.0
#
# hack/benchdocs.sh REPORT puts the table REPORT.md into docs/performance.md, between
# its two comments, and REPORT.svg and REPORT.json into docs/images. No figure of
# that page is typed.
set -euo pipefail
cd "$(dirname "$0")/.."
report=$1
page=docs/performance.md

for ending in md svg json; do
	[[ -s $report.$ending ]] || { echo "$report.$ending is missing: run \"make bench\" first" >&2; exit 1; }
done
for mark in begin end; do
	[[ $(grep -c "^<!-- bench: $mark -->$" "$page") == 1 ]] || { echo "$page has not one line <!-- bench: $mark -->" >&2; exit 1; }
done
new=$(mktemp)
trap 'rm -f "$new"' EXIT
awk -v table="$report.md" '
	/^<!-- bench: end -->$/ { inside = 0 }
	!inside { print }
	/^<!-- bench: begin -->$/ { inside = 1; while ((getline line < table) > 0) print line }
' "$page" >"$new"
cat "$new" >"$page"
install -m 644 "$report.svg" docs/images/bench.svg
install -m 644 "$report.json" docs/images/bench.json
