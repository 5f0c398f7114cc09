# shellcheck shell=bash
# What the stores' servers share: influx.sh, victoria.sh, mongo.sh. Source it; it starts nothing.
#
#   DS_CACHE  what is kept between runs: built servers, jars   (~/.cache/datastorm/stores)
#   DS_STATE  what one run owns: data, logs, pid and env files ($TMPDIR/datastorm-stores-UID)
#   DS_WAIT   seconds a server may take to become ready        (60)
set -euo pipefail
: "${DS_CACHE:=${XDG_CACHE_HOME:-$HOME/.cache}/datastorm/stores}"
: "${DS_STATE:=${TMPDIR:-/tmp}/datastorm-stores-$(id -u)}"
: "${DS_WAIT:=60}"
mkdir -p "$DS_CACHE/bin" "$DS_STATE"

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() { say "error: $*"; exit 1; }
need() { local c; for c in "$@"; do command -v "$c" >/dev/null || die "'$c' is missing; run: setup/install.sh up test"; done; }

# One builder at a time per cache; the lock is released when the calling function's subshell ends.
lock_cache() { exec 9>"$DS_CACHE/.lock"; flock -w 1800 9 || die "another build holds $DS_CACHE/.lock for 30 minutes"; }

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# deb_file PACKAGE PATH: unpack a Debian package into the cache (no install, no service started, no root) and print the file's place.
deb_file() {
  local pkg=$1 path=$2 ver dir tmp
  ver=$(apt-cache policy "$pkg" | awk '/Candidate:/ {print $2}')
  [[ -n $ver && $ver != "(none)" ]] || die "apt knows no package '$pkg' (run apt-get update)"
  dir=$DS_CACHE/deb/$pkg-${ver//[^A-Za-z0-9.+-]/_}
  if [[ ! -x $dir$path ]]; then
    tmp=$(mktemp -d "$DS_CACHE/deb.XXXXXX")
    (cd "$tmp" && apt-get -q download -o APT::Sandbox::User="$(id -un)" "$pkg=$ver" >&2 && dpkg-deb -x ./*.deb root) || die "cannot download $pkg"
    mkdir -p "$DS_CACHE/deb"; rm -rf "$dir"; mv "$tmp/root" "$dir"; rm -rf "$tmp"
  fi
  printf '%s\n' "$dir$path"
}

pid_of() { cat "$DS_STATE/$1/pid" 2>/dev/null || true; }
# alive NAME: the pid file's process is still the one that was started (guards against a reused pid).
alive() { local p; p=$(pid_of "$1"); [[ -n $p && -r /proc/$p/stat && $(awk '{print $22}' "/proc/$p/stat") == $(cat "$DS_STATE/$1/birth" 2>/dev/null) ]]; }

# launch NAME COMMAND...: run in the background in its own session, log to $DS_STATE/NAME/log, remember pid and start time.
launch() {
  local name=$1 dir=$DS_STATE/$1; shift
  mkdir -p "$dir"
  setsid "$@" >"$dir/log" 2>&1 </dev/null 9>&- &
  echo $! >"$dir/pid"; awk '{print $22}' "/proc/$!/stat" >"$dir/birth"
}
fail_log() { tail -n 20 "$DS_STATE/$1/log" >&2 || true; die "$1 $2; its log: $DS_STATE/$1/log"; }

# wait_ready NAME COMMAND...: until COMMAND succeeds; fails early when the server died.
wait_ready() {
  local name=$1 end=$((SECONDS + DS_WAIT)); shift
  until "$@" >/dev/null 2>&1; do
    alive "$name" || fail_log "$name" "stopped while starting"
    ((SECONDS < end)) || { stop_server "$name"; fail_log "$name" "not ready after $DS_WAIT s"; }
    sleep 0.1
  done
}
# start_anew NAME VERB: by this script's own VERB; with other ports where somebody took one between its choice and its use.
start_anew() {
  for _ in 1 2; do
    if "$0" "$2"; then return; fi
    grep -qi 'address already in use' "$DS_STATE/$1/log" 2>/dev/null || exit 1
    say "$1 found its port taken; trying others"
  done
  "$0" "$2"
}
stop_server() {
  local p i; p=$(pid_of "$1")
  if alive "$1"; then
    kill "$p" 2>/dev/null || true
    for ((i = 0; i < 100; i++)); do alive "$1" || break; sleep 0.1; done
    if alive "$1"; then say "$1 ignored SIGTERM for 10 s, killing it"; kill -9 "$p" 2>/dev/null || true; fi
  fi
  rm -f "$DS_STATE/$1/pid" "$DS_STATE/$1/birth" "$DS_STATE/$1/env"
}
# publish NAME KEY=VALUE...: what tests read (`. "$DS_STATE/NAME/env"`), also printed.
publish() { local name=$1; shift; printf 'export %s\n' "$@" | tee "$DS_STATE/$name/env"; }

# kill_server NAME: as the kernel or a power cut would; what it holds on disk stays.
kill_server() {
  local p; p=$(pid_of "$1")
  alive "$1" && kill -9 "$p"
  while alive "$1"; do sleep 0.02; done
}
