#!/usr/bin/env bash
# Installs what DataStorm needs on Debian 12, by tier, and nothing when it is all there.
#
#   setup/install.sh up          to build and run the program
#   setup/install.sh up test     also what the tests need, Apache Kafka's jars among it
#   setup/install.sh up test dev also what working on it needs
#
# Root is used directly or through sudo. Recommended packages are left out, and no service is started.
# The lists are setup/packages/TIER.txt.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# The packages of a tier, without those whose command is already there from elsewhere.
wanted() {
  local package word command
  while read -r package word command; do
    [[ $package == \#* || -z $package ]] && continue
    [[ $word == unless ]] && command -v "$command" >/dev/null && continue
    echo "$package"
  done <"$here/packages/$1.txt"
}

# Those of the named packages that dpkg does not have; one call, some 20 ms.
missing() {
  comm -23 <(printf '%s\n' "$@" | sort -u) \
    <(dpkg-query -W -f '${db:Status-Abbrev}${Package}\n' "$@" 2>/dev/null | sed -n 's/^ii //p' | sort -u)
}

require_debian() {
  command -v apt-get >/dev/null && command -v dpkg-query >/dev/null && return
  local system='this system'
  [[ -r /etc/os-release ]] && system=$(sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' /etc/os-release)
  die "$system has no apt; install what setup/packages/*.txt name by its own means, then: make $1 SETUP=no"
}

become_root() {
  [[ $(id -u) == 0 ]] && return
  command -v sudo >/dev/null || die "not root, and no sudo; as root run: setup/install.sh ${tiers[*]}"
  root=(sudo)
}

# Some packages depend on ones with a service (Chromium on dbus). Debian asks this file whether it
# may be started; it is only there while we install, and an administrator's own is left alone.
start_no_services() {
  local policy=/usr/sbin/policy-rc.d
  [[ -e $policy ]] && return
  # shellcheck disable=SC2064 # $policy is to be expanded now
  trap "${root[*]} rm -f $policy" EXIT
  printf '#!/bin/sh\nexit 101\n' | "${root[@]}" tee $policy >/dev/null
  "${root[@]}" chmod +x $policy
}

# Runs apt-get as root, quietly; what it said is shown if it fails.
apt() {
  local log
  log=$(mktemp)
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 \
    -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 "$@" </dev/null >"$log" 2>&1 ||
    { tail -n 20 "$log" >&2; rm -f "$log"; die "apt-get $1 failed (above)"; }
  rm -f "$log"
}

install_packages() {
  local packages=() need=() tier
  for tier in "$@"; do mapfile -t -O "${#packages[@]}" packages < <(wanted "$tier"); done
  mapfile -t need < <(missing "${packages[@]}")
  ((${#need[@]})) || return 0
  become_root
  say "installing ${#need[@]} packages: ${need[*]}"
  start_no_services
  apt update
  apt install -y --no-install-recommends "${need[@]}"
}

# A machine that cannot reach Maven's repository still runs the other tests: these say SKIP.
fetch_kafka() {
  local kafka=$here/../tests/servers/kafka/kafka.sh
  "$kafka" fetched >/dev/null && return
  say 'fetching Apache Kafka for the tests'
  "$kafka" fetch >/dev/null && return
  [[ -n ${CI:-} ]] && die 'without Apache Kafka the tests would be incomplete'
  say 'without Apache Kafka: the tests that need it will say SKIP'
}

# InfluxDB 2.7 is built from its Go module: minutes the first time, so beside everything else and behind it in turn.
# Tests that need it wait for the build; without Go they say SKIP, and fail only where CI is set.
build_influx() {
  local influx=$here/../tests/servers/influx/influx.sh
  "$influx" built2 && return
  "$influx" can2 || { say 'no Go 1.23 or no Rust here: the tests with InfluxDB 2.7 will say SKIP'; return; }
  say 'building InfluxDB 2.7 for the tests, in the background'
  setsid nice -n 19 "$influx" build2 </dev/null >"${TMPDIR:-/tmp}/datastorm-influx-build-$(id -u).log" 2>&1 &
}

tiers=("$@") root=()
((${#tiers[@]})) || die 'usage: setup/install.sh TIER..., tiers: up, test, dev, package'
for tier in "${tiers[@]}"; do
  [[ -f $here/packages/$tier.txt ]] || die "no tier is called '$tier'; there are up, test, dev and package"
done
require_debian "${tiers[-1]}"
install_packages "${tiers[@]}"
if [[ " ${tiers[*]} " == *' test '* ]]; then build_influx; fetch_kafka; fi
