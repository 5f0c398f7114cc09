#!/usr/bin/env bash
# VictoriaMetrics (Debian's package, unpacked, not installed): a fast taker of line protocol.
#
#   victoria.sh start|kill|again|stop    kill is -9; again: same port, same data
#   victoria.sh count METRIC [RANGE]     samples stored in RANGE (10y); METRIC is MEASUREMENT_FIELD
#   victoria.sh sum   METRIC [RANGE]     sum of the values
#
# What to know: milliseconds only; doubles stay; strings become 0; bad lines are skipped with 204.
# shellcheck source=../lib/server.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/server.sh"
d=$DS_STATE/victoria
run() {
  local port; port=$(cat "$d/port")
  # latencyOffset: else the newest 30 s are invisible. disableCache: else a count asked before and
  # after a write can be stale.
  launch victoria "$(cat "$d/bin")" -httpListenAddr="127.0.0.1:$port" -storageDataPath="$d/data" \
    -retentionPeriod=100y -search.latencyOffset=0s -search.disableCache \
    -search.maxUniqueTimeseries=1000000 -loggerLevel=WARN
  wait_ready victoria curl -sf "http://127.0.0.1:$port/health"
}

start() {
  need curl python3 dpkg-deb
  if alive victoria && [[ -f $d/env ]]; then cat "$d/env"; return; fi
  local bin port
  bin=$(lock_cache; deb_file victoria-metrics /usr/bin/victoria-metrics) || exit 1
  rm -rf "$d"; mkdir -p "$d"; port=$(free_port)
  echo "$port" >"$d/port"
  echo "$bin" >"$d/bin"
  run
  publish victoria "VICTORIA_URL=http://127.0.0.1:$port"
}
ask() { # FUNCTION METRIC RANGE
  [[ -f $d/env ]] || die "not started"
  # shellcheck source=/dev/null
  . "$d/env"
  curl -sSf "$VICTORIA_URL/internal/force_flush" >/dev/null || die "no answer from $VICTORIA_URL"
  curl -sSf "$VICTORIA_URL/api/v1/query" --data-urlencode "query=sum($1($2[$3]))" -d "time=$(($(date +%s) + 5))" |   # +5: the default is the last whole second
    python3 -c 'import json, sys; r = json.load(sys.stdin)["data"]["result"]; print(r[0]["value"][1] if r else 0)'
}
case ${1:-} in
  start) start ;;
  kill) kill_server victoria ;;
  again) run ;;
  stop) stop_server victoria ;;
  count) ask count_over_time "${2:?metric}" "${3:-10y}" ;;
  sum) ask sum_over_time "${2:?metric}" "${3:-10y}" ;;
  *) die "usage: victoria.sh start|kill|again|stop|count METRIC [RANGE]|sum METRIC [RANGE]" ;;
esac
