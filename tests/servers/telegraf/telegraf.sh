#!/usr/bin/env bash
# Telegraf as a peer of our sinks: from a Kafka topic of line protocol into a server that takes it.
#
#   telegraf.sh build                       build it once, from its Go module (Go is needed)
#   telegraf.sh built                       exit 0 if it is built
#   telegraf.sh run BROKERS TOPIC URL DB    consume from the topic's start, write to URL; in the
#                                           foreground, until it is stopped
#
# Its best settings for this are max_undelivered_messages = 100000 and metric_batch_size = 10000. Unless told
# it speaks as Kafka 0.10.2 does, which Apache Kafka 4 and DataStorm's broker no longer do (they end the
# connection of who asks for Fetch 3), and consumes nothing.
# shellcheck source=../lib/server.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/server.sh"
V=1.37.2
BIN=$DS_CACHE/bin/telegraf-$V

build() (
  [[ -x $BIN ]] && exit 0
  need go
  lock_cache; [[ -x $BIN ]] && exit 0
  say "building Telegraf $V (once; about a minute)"
  work=$(mktemp -d "$DS_CACHE/telegraf.XXXXXX"); trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
  parts=inputs.kafka_consumer,outputs.influxdb,parsers.influx,serializers.influx
  GOBIN=$work go install -trimpath -ldflags '-s -w' -tags "custom,$parts" \
    "github.com/influxdata/telegraf/cmd/telegraf@v$V" >"$work/log" 2>&1 || { tail -n 20 "$work/log" >&2; die "Telegraf did not build"; }
  mv "$work/telegraf" "$BIN"
)

run() { # BROKERS TOPIC URL DB
  local config=$DS_STATE/telegraf.conf
  cat >"$config" <<C
[agent]
  interval = "1s"
  flush_interval = "200ms"
  metric_batch_size = 10000
  metric_buffer_limit = 1000000
  omit_hostname = true
  quiet = true
[[inputs.kafka_consumer]]
  brokers = ["${1//,/\",\"}"]
  topics = ["$2"]
  consumer_group = "telegraf-$$"
  offset = "oldest"
  kafka_version = "2.1.0"
  max_undelivered_messages = 100000
  data_format = "influx"
[[outputs.influxdb]]
  urls = ["$3"]
  database = "$4"
  skip_database_creation = true
  content_encoding = "identity"
C
  exec "$BIN" --config "$config" >"$DS_STATE/telegraf.log" 2>&1
}

case ${1:-} in
  build) build ;;
  built) [[ -x $BIN ]] ;;
  run) shift; run "$@" ;;
  *) die "usage: telegraf.sh build|built|run BROKERS TOPIC URL DB" ;;
esac
