#!/usr/bin/env bash
# Real InfluxDB servers for tests, on free loopback ports.
#
#   influx.sh build2        build InfluxDB 2.7.12 with Flux, without its web page: an ordinary Go
#                           dependency (influxd/) and its Rust library. Minutes once, then cached
#   influx.sh built2        exit 0 if it is built
#   influx.sh can2          exit 0 if this machine could build it
#   influx.sh ready2        build it, or wait for who does; 77 where it cannot be built (1 where CI is set)
#   influx.sh start2        start it, set up organisation, bucket and token, print its settings
#   influx.sh start1        Debian's InfluxDB 1.6.7, unpacked, not installed
#   influx.sh kill2|kill1   kill -9; again2|again1 start it on the same port with the same data
#   influx.sh stop2|stop1
#
# What to know: 2.7 refuses a whole request for one broken line, 1.6 keeps the good lines. Both
# overwrite a point of the same series and time.
# shellcheck source=../lib/server.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/server.sh"
V2=2.7.12 # as in influxd/go.mod
BIN2=$DS_CACHE/bin/influxd-$V2

# Go from 1.21 on fetches the version that a module asks for.
can2() {
  local c go
  for c in go cargo gcc pkg-config; do command -v "$c" >/dev/null || return 1; done
  go=$(go env GOVERSION 2>/dev/null); go=${go#go1.}
  [[ ${go%%[^0-9]*} -ge 21 ]]
}

build2() (
  [[ -x $BIN2 ]] && exit 0
  can2 || die "InfluxDB $V2 needs Go 1.23 (Debian 12 has an older one), a Rust compiler, gcc and pkg-config"
  lock_cache; [[ -x $BIN2 ]] && exit 0
  say "building InfluxDB $V2 (once; about 4-6 minutes on two cores)"
  here=$(cd "$(dirname "${BASH_SOURCE[0]}")/influxd" && pwd)
  work=$(mktemp -d "$DS_CACHE/influx2.XXXXXX"); trap 'rm -rf "$work"' EXIT
  cd "$here"
  export GOFLAGS='-trimpath -buildvcs=false -mod=readonly' CGO_ENABLED=1
  go mod download github.com/influxdata/flux 2>"$work/mod.log" || { cat "$work/mod.log" >&2; die "cannot get flux"; }  # not a plain 'go mod download': that fetches every module (1.6 GB)
  flux=$(go list -m -f '{{.Dir}}' github.com/influxdata/flux)

  # libflux, the Rust part of the flux module, built where Go keeps it. RUSTUP_TOOLCHAIN: the module pins an old compiler that
  # rustup would download; --cap-lints: newer compilers warn about more, and the crate denies warnings.
  toolchain=$(cd /; { rustup show active-toolchain 2>/dev/null || true; } | cut -d' ' -f1)
  (cd "$flux/libflux" && RUSTUP_TOOLCHAIN=${toolchain:-stable} RUSTFLAGS='--cap-lints warn' CARGO_PROFILE_RELEASE_LTO=off \
      CARGO_TARGET_DIR=$work/target cargo build --release --locked -q -p flux >"$work/cargo.log" 2>&1) & cargo=$!

  # Meanwhile compile every Go package that does not need libflux.
  tags=sqlite_foreign_keys,sqlite_json
  go list -tags $tags -deps -f '{{.ImportPath}} {{join .Deps " "}}' . |
    awk '$0 !~ /flux\/libflux\/go\/libflux/ {print $1}' | grep -vE '^(C|unsafe)$' | xargs go build -tags $tags >"$work/warm.log" 2>&1 || true
  wait $cargo || { grep -A12 '^error' "$work/cargo.log" >&2 || tail -n 20 "$work/cargo.log" >&2; die "libflux did not build"; }

  mkdir "$work/lib"; cp "$work/target/release/libflux.a" "$work/lib/"   # alone in its folder, or ld would pick libflux.so beside it
  printf 'Name: flux\nVersion: 0\nDescription: flux\nLibs: -L%s -lflux -ldl -lm\nCflags: -I%s\n' "$work/lib" "$flux/libflux/include" >"$work/flux.pc"
  PKG_CONFIG_PATH=$work go build -tags $tags -ldflags '-s -w' -o "$work/influxd" . || die "influxd did not build"
  "$work/influxd" --help >"$work/help.log" 2>&1 || die "the built influxd does not run"
  mv "$work/influxd" "$BIN2"
)

# An influxd in test mode of its own: no reporting, its four stores below one folder.
run2() {
  local d=$DS_STATE/influx2 port
  port=$(cat "$d/port")
  launch influx2 "$BIN2" --http-bind-address "127.0.0.1:$port" --bolt-path "$d/bolt" \
    --sqlite-path "$d/sqlite" --engine-path "$d/engine" --reporting-disabled --log-level warn
  wait_ready influx2 curl -sf "http://127.0.0.1:$port/health"
}

start2() {
  build2; need curl python3
  local d=$DS_STATE/influx2 port token=datastorm-test-token
  if alive influx2 && [[ -f $d/env ]]; then cat "$d/env"; return; fi
  rm -rf "$d"; mkdir -p "$d"; port=$(free_port)
  echo "$port" >"$d/port"
  run2
  curl -sSf -o "$d/setup.json" -H 'Content-Type: application/json' "http://127.0.0.1:$port/api/v2/setup" \
    -d '{"username":"admin","password":"datastorm-test","org":"datastorm","bucket":"events","token":"'"$token"'","retentionPeriodSeconds":0}' || fail_log influx2 "refused the set-up"
  publish influx2 "INFLUX2_URL=http://127.0.0.1:$port" INFLUX2_ORG=datastorm INFLUX2_BUCKET=events "INFLUX2_TOKEN=$token"
}

run1() {
  local d=$DS_STATE/influx1
  launch influx1 "$(cat "$d/bin")" run -config "$d/conf"
  wait_ready influx1 curl -sf "http://127.0.0.1:$(cat "$d/port")/ping"
}

start1() {
  need curl python3 dpkg-deb
  local d=$DS_STATE/influx1 bin port rpc
  if alive influx1 && [[ -f $d/env ]]; then cat "$d/env"; return; fi
  bin=$(lock_cache; deb_file influxdb /usr/bin/influxd) || exit 1
  rm -rf "$d"; mkdir -p "$d"; port=$(free_port); rpc=$(free_port)
  cat >"$d/conf" <<C
reporting-disabled = true
bind-address = "127.0.0.1:$rpc"
[meta]
  dir = "$d/meta"
[data]
  dir = "$d/data"
  wal-dir = "$d/wal"
  query-log-enabled = false
[monitor]
  store-enabled = false
[subscriber]
  enabled = false
[http]
  bind-address = "127.0.0.1:$port"
  log-enabled = false
  max-body-size = 0
C
  echo "$port" >"$d/port"
  echo "$bin" >"$d/bin"
  run1
  curl -sSf -o "$d/setup.json" "http://127.0.0.1:$port/query" --data-urlencode 'q=CREATE DATABASE datastorm' || fail_log influx1 "refused CREATE DATABASE"
  publish influx1 "INFLUX1_URL=http://127.0.0.1:$port" INFLUX1_DB=datastorm
}

case ${1:-} in
  build2) build2 ;;
  built2) [[ -x $BIN2 ]] ;;
  can2) can2 ;;
  ready2)
    if can2; then build2; else say "SKIP InfluxDB $V2: no Go 1.23, or no Rust"; [[ -n ${CI:-} ]] && exit 1; exit 77; fi ;;
  start2) start_anew influx2 start2-once ;;
  start1) start_anew influx1 start1-once ;;
  start2-once) start2 ;;
  start1-once) start1 ;;
  kill2) kill_server influx2 ;;
  kill1) kill_server influx1 ;;
  again2) run2 ;;
  again1) run1 ;;
  stop2) stop_server influx2 ;;
  stop1) stop_server influx1 ;;
  *) die "usage: influx.sh build2|built2|can2|ready2|start2|start1|kill2|kill1|again2|again1|stop2|stop1" ;;
esac
