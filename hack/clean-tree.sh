#!/usr/bin/env bash
# SPDX-FileCopyrightText: The WebSocket Gateway Authors
# SPDX-License-Identifier: Apache-2.0
#
# hack/clean-tree.sh fails if the work tree differs from the last commit, and
# shows how. It runs after everything that can be generated was generated again,
# so a difference is a file that somebody forgot to generate, format or commit.
set -euo pipefail
cd "$(dirname "$0")/.."

changed=$(git status --porcelain --untracked-files=all)
[[ -n $changed ]] || exit 0

git --no-pager diff HEAD
echo "These files differ from the last commit (the changes are above):" >&2
echo "$changed" >&2
echo "Commit the result of 'make verify', or find out what wrote them." >&2
exit 1
