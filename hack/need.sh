#!/usr/bin/env bash
# SPDX-FileCopyrightText: The WebSocket Gateway Authors
# SPDX-License-Identifier: Apache-2.0
#
# hack/need.sh THING... makes sure that programs of the operating system are
# there. On Debian as root it installs what is missing and says so; elsewhere it
# says what to install and fails.
set -euo pipefail

# Programs that administer a system live here, and this is not on every PATH.
PATH=$PATH:/usr/sbin:/sbin

# has THING tells whether it is on this machine.
has() {
	case $1 in
	cni) [[ -x /usr/lib/cni/ptp || -x /opt/cni/bin/ptp ]] ;;
	# The race detector links C, so the headers are needed as well.
	gcc) command -v gcc >/dev/null && [[ -e /usr/include/stdlib.h || $(uname) != Linux ]] ;;
	*) command -v "$1" >/dev/null ;;
	esac
}

# package THING prints the Debian packages that bring it.
package() {
	case $1 in
	cni) echo containernetworking-plugins ;;
	gcc) echo gcc libc6-dev ;;
	ip) echo iproute2 ;;
	nft) echo nftables ;;
	nginx) echo nginx-light ;;
	promtool) echo prometheus ;;
	script) echo bsdutils ;;
	*) echo "$1" ;;
	esac
}

missing=() packages=()
for thing in "$@"; do
	if ! has "$thing"; then
		missing+=("$thing")
		read -ra names <<<"$(package "$thing")"
		packages+=("${names[@]}")
	fi
done
[[ ${#missing[@]} -gt 0 ]] || exit 0

if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
	echo "Missing on this machine: ${missing[*]}" >&2
	echo "On Debian: apt-get install ${packages[*]} (as root). Elsewhere: the packages of the same meaning." >&2
	exit 1
fi
echo "Installing Debian packages that are missing: ${packages[*]}" >&2
# RUNLEVEL: a service must not start because its package was installed.
export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
apt-get update -qq >&2
apt-get install -y -qq --no-install-recommends "${packages[@]}" >&2
for thing in "${missing[@]}"; do
	has "$thing" || { echo "hack/need.sh: $thing is still missing after installing ${packages[*]}" >&2; exit 1; }
done
