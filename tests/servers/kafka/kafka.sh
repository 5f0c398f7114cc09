#!/usr/bin/env bash
# Apache Kafka for the tests: its jars by Maven, its nodes on loopback without ZooKeeper.
#
#   kafka.sh fetch               get the jars into the cache (nothing to do when they are there)
#   kafka.sh fetched             print their folder if they are there, else exit 1
#   kafka.sh start [OPTION]...   make a cluster, or bring up the one that is there; ready on return
#       --nodes N                1 to 9 brokers, the first three controllers too (1)
#       --secure                 also TLS, SASL PLAIN and SCRAM listeners, and ACLs
#       --heap SIZE              Java heap of a node (512m)
#       --data DIR               where the logs lie (the run folder)
#       --set KEY=VALUE          any server property; repeatable
#   kafka.sh env                 shell lines that export KAFKA_BOOTSTRAP and, if secure, the others
#   kafka.sh topic NAME PARTITIONS COPIES [KEY=VALUE]...
#   kafka.sh tool NAME [ARG]...  one of Kafka's tools by a short name; `tool list` names them
#   kafka.sh kill|stop-node|start-node|pause|resume NODE
#   kafka.sh status              a line a node; exit 1 unless all are up
#   kafka.sh stop                stop all nodes, keep the data
#   kafka.sh destroy             kill all nodes, remove everything
#
# Environment: KAFKA_RUN      the cluster's folder, one cluster each ($TMPDIR/datastorm-kafka-UID)
#              KAFKA_CACHE    where jars are kept (~/.cache/datastorm/kafka)
#              KAFKA_HOST     the address it listens at and tells (127.0.0.1)
#              KAFKA_WAIT     seconds a node may take to start (60)
#              KAFKA_VERSION  instead of pom.xml's
#
# Judge what the tools did by what the broker holds: some exit 0 when they were refused.
set -euo pipefail
umask 077

home=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
run=${KAFKA_RUN:-${TMPDIR:-/tmp}/datastorm-kafka-$(id -u)}
cache=${KAFKA_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/datastorm/kafka}
patience=${KAFKA_WAIT:-60}
host=${KAFKA_HOST:-127.0.0.1}
version=${KAFKA_VERSION:-$(sed -n 's:.*<kafka.version>\(.*\)</kafka.version>.*:\1:p' "$home/pom.xml")}

die() { printf 'kafka.sh: %s\n' "$*" >&2; exit 1; }
need() { command -v "$1" >/dev/null || die "$1 is missing; run: setup/install.sh up test"; }

# shellcheck source=../lib/ports.sh
. "$home/../lib/ports.sh"
# shellcheck source=tools.sh
. "$home/tools.sh"
# shellcheck source=security.sh
. "$home/security.sh"
# shellcheck source=config.sh
. "$home/config.sh"

# ---- the jars

fetched() { [[ -f $cache/$version/complete ]]; }

# One fetch at a time; a folder appears under its version only when it is whole.
fetch() (
  fetched && exit
  need java; need mvn
  mkdir -p "$cache"
  exec 9>"$cache/.lock"
  flock -w 600 9 || die "another fetch has held $cache/.lock for 10 minutes"
  fetched && exit
  new=$(mktemp -d "$cache/new.XXXXXX")
  trap 'rm -rf "$new"' EXIT
  for try in 1 2 3; do
    copy_jars "$new" && break
    ((try < 3)) || { grep -m5 ERROR "$new/maven.log" >&2; die "Maven cannot fetch Kafka $version"; }
    sleep $((try * 2))
  done
  [[ -f $new/libs/kafka_2.13-$version.jar && -f $new/libs/kafka-tools-$version.jar ]] ||
    die "Maven copied no Kafka $version"
  touch "$new/complete"
  rm -rf "${cache:?}/$version"
  mv "$new" "$cache/$version"
)

copy_jars() {
  mvn -q -B -ntp -f "$home/pom.xml" -Dkafka.version="$version" \
    org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory="$1/libs" >"$1/maven.log" 2>&1
}

# ---- a cluster's folder: cluster-id, heap, data-root, node-N/{server.properties,server.log,pid}

have_cluster() { [[ -f $run/cluster-id ]]; }
need_cluster() { have_cluster || die "no cluster in $run; first: kafka.sh start"; }
nodes() { find "$run" -maxdepth 1 -name 'node-*' -printf '%f\n' 2>/dev/null | sed 's/node-//' | sort -n; }

# addresses LISTENER: of all nodes, with commas; empty where the cluster has no such listener.
addresses() {
  sed -n "s#^listeners=\(.*,\)\{0,1\}$1://\([^,]*\).*#\2#p" "$run"/node-*/server.properties | paste -sd,
}

# The node's process id, if that process is still this node and not a later one's.
process_of() {
  local pid
  pid=$(cat "$run/node-$1/pid" 2>/dev/null) || return 1
  tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF "$run/node-$1/server.properties" || return 1
  echo "$pid"
}

# make_cluster NODES SECURE HEAP DATA SETTING...
make_cluster() {
  local count=$1 secure=$2 heap=$3 data=$4 each voters='' node ports
  shift 4
  each=$((secure ? 5 : 2))
  mkdir -p "$run"
  echo "$heap" >"$run/heap"
  echo "$data" >"$run/data-root"
  if ((secure)); then make_certificates; make_client_files; fi
  mapfile -t ports < <(free_ports $((count * each)))
  ((${#ports[@]} == count * each)) || die 'too few free ports'
  for ((node = 1; node <= count && node <= 3; node++)); do
    voters+=${voters:+,}$node@$host:${ports[node * each - 1]}
  done
  for ((node = 1; node <= count; node++)); do
    printf '%s\n' "$@" |
      write_config "$node" "$count" "$secure" "$data/node-$node/data" "$voters" "${ports[@]:(node - 1) * each:each}"
  done
  head -c 16 /dev/urandom | base64 | sed 's,[+/],a,g' | cut -c1-22 >"$run/cluster-id"
}

format_node() {
  local folder=$run/node-$1 arguments=()
  [[ -d $run/tls ]] && mapfile -t arguments < <(scram_arguments)
  run_class "$(tool_class storage)" format --ignore-formatted --cluster-id "$(cat "$run/cluster-id")" \
    --config "$folder/server.properties" "${arguments[@]}" >"$folder/format.log" 2>&1 && return
  grep -m3 -E 'Exception|Invalid|must|ERROR' "$folder/format.log" >&2 || tail -3 "$folder/format.log" >&2
  die "the storage of node $1 cannot be formatted: $folder/format.log"
}

# ---- processes

# In a session of its own and without our descriptors, so that nobody waits for it unknowingly.
launch() {
  local folder=$run/node-$1 heap
  [[ -d $folder ]] || die "there is no node $1 in $run"
  process_of "$1" >/dev/null && return
  heap=$(cat "$run/heap")
  [[ -f $folder/server.log ]] && mv -f "$folder/server.log" "$folder/server.log.old"
  setsid java -Xms"$heap" -Xmx"$heap" -XX:+UseG1GC -XX:MaxGCPauseMillis=20 -XX:+ExitOnOutOfMemoryError \
    -Dlog4j2.configurationFile="$home/log4j2.properties" \
    -cp "$(classpath)" kafka.Kafka "$folder/server.properties" >"$folder/server.log" 2>&1 </dev/null &
  echo $! >"$folder/pid"
  disown
}

await() {
  local folder=$run/node-$1 end=$((SECONDS + patience))
  until grep -q 'Kafka Server started' "$folder/server.log"; do
    # In its first moment the process is still setsid, not yet java: look twice.
    process_of "$1" >/dev/null || { sleep 0.5; process_of "$1" >/dev/null; } || failed "$1" 'died while starting'
    ((SECONDS < end)) || failed "$1" "was not ready after $patience s"
    sleep 0.05
  done
}

failed() {
  local log=$run/node-$1/server.log
  { grep -E 'ERROR|FATAL|Exception' "$log" || cat "$log"; } | tail -5 >&2
  die "node $1 $2: $log"
}

# end_nodes SIGNAL SECONDS NODE...: signals all, waits, and kills those still there afterwards.
end_nodes() {
  local signal=$1 end=$((SECONDS + $2)) node pid
  shift 2
  for node; do if pid=$(process_of "$node"); then kill "-$signal" "$pid" || true; fi; done
  for node; do
    while pid=$(process_of "$node"); do
      ((SECONDS < end)) || kill -KILL "$pid" || true
      sleep 0.05
    done
  done
}

# ---- commands

start() {
  local count=1 secure=0 heap=512m data=$run settings=() node
  while (($#)); do
    case $1 in
      --secure) secure=1; shift; continue ;;
      --nodes | --heap | --data | --set) (($# >= 2)) || die "start: $1 needs a value" ;;&
      --nodes) count=$2 ;;
      --heap) heap=$2 ;;
      --data) data=$2 ;;
      --set) settings+=("$2") ;;
      *) die "start: unknown option $1" ;;
    esac
    shift 2
  done
  [[ $count =~ ^[1-9]$ ]] || die "start: --nodes must be 1 to 9, not '$count'"
  fetch
  have_cluster || make_cluster "$count" "$secure" "$heap" "$data" "${settings[@]}"
  [[ $(nodes | wc -l) == "$count" ]] || die "$run holds a cluster of another size; first: kafka.sh destroy"
  for node in $(nodes); do format_node "$node"; done
  trap 'end_nodes KILL 10 $(nodes)' EXIT  # a failed start leaves its logs, but no process
  for node in $(nodes); do launch "$node"; done
  for node in $(nodes); do await "$node"; done
  trap - EXIT
  archive_tools "$(addresses PLAINTEXT)"
  echo "kafka $version: $count node(s) ready at $(addresses PLAINTEXT), in $run"
}

print_env() {
  need_cluster
  echo "export KAFKA_BOOTSTRAP=$(addresses PLAINTEXT)"
  [[ -d $run/tls ]] || return 0
  local name
  for name in SSL SASL_PLAINTEXT SASL_SSL; do echo "export KAFKA_BOOTSTRAP_$name=$(addresses $name)"; done
  echo "export KAFKA_CA=$run/tls/ca.crt KAFKA_CLIENT_CERT=$run/tls/client.crt KAFKA_CLIENT_KEY=$run/tls/client.key"
  echo "export KAFKA_CLIENT_FILES=$run/clients"
}

create_topic() {
  need_cluster
  (($# >= 3)) || die 'topic needs NAME PARTITIONS COPIES'
  local name=$1 partitions=$2 copies=$3 settings=() setting
  shift 3
  for setting; do settings+=(--config "$setting"); done
  run_class "$(tool_class topics)" --bootstrap-server "$(addresses PLAINTEXT)" --create --if-not-exists \
    --topic "$name" --partitions "$partitions" --replication-factor "$copies" "${settings[@]}"
}

run_tool() {
  (($#)) || die 'tool needs a name; see: kafka.sh tool list'
  [[ $1 == list ]] && { list_tools; return; }
  local class
  class=$(tool_class "$1") || die "no tool is called '$1'; see: kafka.sh tool list"
  shift
  fetch
  run_class "$class" "$@"
}

status() {
  need_cluster
  local node pid all=0
  for node in $(nodes); do
    if pid=$(process_of "$node"); then
      echo "node $node up, pid $pid, $(awk '/VmRSS/ {print int($2 / 1024)}' "/proc/$pid/status") MiB"
    else
      echo "node $node down"; all=1
    fi
  done
  return $all
}

# A node that cannot reach a majority of controllers waits 5 minutes for leave to stop. When all
# stop at once the last ones never get it, so several get 4 s; what they acknowledged is on disk.
stop() {
  local all
  mapfile -t all < <(nodes)
  end_nodes TERM $((${#all[@]} > 1 ? 4 : 15)) "${all[@]}"
}

destroy() {
  local all data
  mapfile -t all < <(nodes)
  end_nodes KILL 10 "${all[@]}"
  if data=$(cat "$run/data-root" 2>/dev/null); then rm -rf "${data:?}"/node-[1-9]; fi
  rm -rf "$run"
}

signal() { kill "-$1" "$(process_of "${2:?node}" || die "node $2 is not running")"; }
help() { sed -n '2,/^set -/{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"; }

command=${1:-help}
(($# == 0)) || shift
case $command in
  fetch) fetch; echo "$cache/$version/libs" ;;
  fetched) fetched && echo "$cache/$version/libs" ;;
  start) start "$@" ;;
  env) print_env ;;
  topic) create_topic "$@" ;;
  tool) run_tool "$@" ;;
  kill) end_nodes KILL 10 "${1:?node}" ;;
  stop-node) end_nodes TERM 15 "${1:?node}" ;;
  start-node) launch "${1:?node}"; await "$1" ;;
  pause) signal STOP "$@" ;;
  resume) signal CONT "$@" ;;
  status) status ;;
  stop) stop ;;
  destroy) destroy ;;
  help | -h | --help) help ;;
  *) die "unknown command '$command'; see: kafka.sh help" ;;
esac
