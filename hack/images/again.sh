#!/usr/bin/env bash
# SPDX-FileCopyrightText: The WebSocket Gateway Authors
# SPDX-License-Identifier: Apache-2.0
#
# hack/images/again.sh LAYOUTS builds the images once more from a copy of the
# sources in another folder, with an empty build cache, and compares the digests
# with those of LAYOUTS. ARCHS, VERSION and REVISION are those of the first time.
# It compiles everything, for each processor: that takes minutes.
set -euo pipefail

cd "$(dirname "$0")/../.."
layouts=$(cd "${1:?usage: hack/images/again.sh LAYOUTS}" && pwd)

copy=$(mktemp -d)
trap 'chmod -R u+w "$copy" && rm -rf "$copy"' EXIT
mkdir "$copy/sources" "$copy/cache"
# What git knows or would add, as it is in the work tree now.
git ls-files -z --cached --others --exclude-standard --deduplicate |
	while IFS= read -r -d '' name; do
		if [[ -e $name ]]; then printf '%s\0' "$name"; fi
	done | tar --create --null --files-from=- | tar --extract --directory="$copy/sources"

GOCACHE=$copy/cache make -C "$copy/sources" images >&2

for name in manager gateway echo; do
	if ! cmp "$layouts/$name/index.json" "$copy/sources/bin/images/$name/index.json"; then
		echo "hack/images/again.sh: the second $name is another one; compare 'go version -m' of both programs" >&2
		exit 1
	fi
	echo "$name: the same digest again, $(grep -om1 'sha256:[0-9a-f]*' "$layouts/$name/index.json")"
done
