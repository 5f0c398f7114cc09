#!/usr/bin/env bash
# Runs a command in a clean clone on a minimal Debian 12 that has git, make, a compiler and no more:
# shows that setup/ names everything. The system is a folder made by debootstrap from the Debian
# mirror that this machine's apt uses; its first making takes a minute, later runs copy it.
#
#   tools/fresh.sh make test                 the clone is of HEAD: commit first
#   KEEP=1 tools/fresh.sh setup/install.sh up   leave the folder for a look inside
#   AGAIN=FOLDER tools/fresh.sh make test       in one that was left, its clone brought to HEAD
#
# Needs root. Mounts live in a mount namespace of their own and processes in a pid
# namespace, so whatever happens both end with the command.
set -euo pipefail
source=$(git -C "$(dirname "${BASH_SOURCE[0]}")" rev-parse --show-toplevel)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/datastorm/fresh
base=$cache/bookworm

say() { printf 'fresh: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# "URL SUITE" of each Debian archive that this machine's apt reads.
debian_archives() {
  # shellcheck disable=SC2016 # the dollars are apt's
  apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(LABEL)' |
    awk '$3 ~ /^Debian/ && $2 ~ /^bookworm/ {print $1, $2}' | sort -u
}

make_base() {
  command -v debootstrap >/dev/null || die 'debootstrap is missing; run: setup/install.sh dev'
  local mirror new=$base.new
  mirror=$(debian_archives | awk '$2 == "bookworm" {print $1}' | head -1)
  [[ -n $mirror ]] || die "this machine's apt reads no Debian 12 archive to install from"
  say 'making a minimal Debian 12 (once)'
  rm -rf "$new"; mkdir -p "$cache"
  debootstrap --variant=minbase bookworm "$new" "$mirror" >"$cache/debootstrap.log" 2>&1 ||
    die "debootstrap failed: $cache/debootstrap.log"
  debian_archives | sed 's/.*/deb & main/' >"$new/etc/apt/sources.list"
  join_network "$new"
  inside "$new" sh -c 'apt-get -qq update && apt-get -qq install -y --no-install-recommends \
    git make g++ ca-certificates && apt-get clean' >"$cache/base.log" 2>&1 || die "apt failed: $cache/base.log"
  mv "$new" "$base"
}

# Names and certificates by which this machine reaches the world.
join_network() {
  cp -L /etc/resolv.conf /etc/hosts "$1/etc/"
  mkdir -p "$1/usr/local/share/ca-certificates"
  find /usr/local/share/ca-certificates -name '*.crt' -exec cp {} "$1/usr/local/share/ca-certificates/" \;
}

# inside ROOT COMMAND...: with /proc, /sys and /dev, and an environment of its own. Its root is
# changed as a starting machine does it: in a chroot there would be no namespaces of users and networks.
inside() {
  local root=$1; shift
  # shellcheck disable=SC2016 # expanded by the inner shell
  unshare --mount --pid --fork --kill-child sh -ec '
    mount --bind "$1" "$1"; cd "$1"; shift
    mount -t proc proc proc
    mount --rbind /sys sys
    mount --rbind /dev dev
    pivot_root . mnt
    umount -l /mnt
    cd /
    exec "$@"' sh "$root" \
    env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
    LANG=C.UTF-8 TERM="${TERM:-dumb}" ${CI:+CI="$CI"} "$@"
}

(($#)) || die 'usage: tools/fresh.sh COMMAND..., for example: tools/fresh.sh make test'
[[ $(id -u) == 0 ]] || die 'changing the root needs root'
[[ -d $base ]] || make_base
if [[ -n ${AGAIN:-} ]]; then KEEP=1; root=$AGAIN; else root=$(mktemp -d "$cache/run.XXXXXX"); fi
trap '[[ -n ${KEEP:-} ]] && say "kept in $root" || rm -rf "$root"' EXIT
if [[ -n ${AGAIN:-} ]]; then
  git -C "$root/root/src/datastorm" fetch -q "$source" HEAD
  git -C "$root/root/src/datastorm" reset -q --hard FETCH_HEAD
else
  cp -a "$base/." "$root"
  join_network "$root"
  git clone -q "$source" "$root/root/src/datastorm"
fi
say "running in a clone of $(git -C "$source" log -1 --format='%h %s'): $*"
started=$SECONDS status=0
inside "$root" sh -c 'update-ca-certificates >/dev/null 2>&1; cd /root/src/datastorm && exec "$@"' sh "$@" ||
  status=$?
say "exit $status after $((SECONDS - started)) s, $(du -sxm "$root" | cut -f1) MB in all"
exit "$status"
