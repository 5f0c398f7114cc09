#!/usr/bin/env bash
# A server that speaks MongoDB's wire protocol: mongo-java-server, by Maven. It is not MongoDB:
# `w` is ignored, insertedCount is wrong, there is no SCRAM. Codes 11000 and unique indexes are right.
#
#   mongo.sh start [memory|journal]   journal: each command that changed something is in a file before it is
#                                     answered, and is done again at the next start
#   mongo.sh kill|again|stop          kill is -9; again: same port, same data (journal)
#
# Its own way of keeping data (H2) is not used: killed in the midst of a command it has the document and not its
# entry in the index, or the other way round, which is no loss of ours and looks like one. It is ten times slower too.
# shellcheck source=../lib/server.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/server.sh"
V=${MONGO_JAVA_SERVER_VERSION:-1.47.0}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
home=$DS_CACHE/mongo-java-server-$V-$(sha256sum "$here/Server.java" | cut -c1-12)
d=$DS_STATE/mongo
build() (
  [[ -f $home/ready ]] && exit 0
  need mvn javac
  lock_cache; [[ -f $home/ready ]] && exit 0
  work=$(mktemp -d "$DS_CACHE/mongo.XXXXXX"); trap 'rm -rf "$work"' EXIT; cd "$work"
  cat >pom.xml <<P
<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>datastorm.test</groupId><artifactId>mongo</artifactId><version>1</version><dependencies>
<dependency><groupId>de.bwaldvogel</groupId><artifactId>mongo-java-server</artifactId><version>$V</version></dependency>
<dependency><groupId>org.slf4j</groupId><artifactId>slf4j-nop</artifactId><version>2.0.16</version></dependency>
</dependencies></project>
P
  cp "$here/Server.java" .
  mvn -q -B dependency:copy-dependencies -DoutputDirectory=jars >mvn.log 2>&1 || { tail -n 20 mvn.log >&2; die "Maven could not fetch mongo-java-server $V"; }
  javac -cp 'jars/*' -d classes Server.java || die "javac failed"
  touch ready; rm -rf "$home"; mkdir -p "$home"; mv jars classes ready "$home/"
)
run() {
  local port=0
  if [[ -s $d/port ]]; then port=$(cat "$d/port"); rm "$d/port"; fi
  local quick=(); [[ $(cat "$d/store") == memory ]] || quick=(-XX:TieredStopAtLevel=1 -XX:+UseSerialGC) # half the work to start
  launch mongo java -Xmx"${MONGO_HEAP:-1g}" "${quick[@]}" -cp "$home/classes:$home/jars/*" Server "$d/port" \
    "$(cat "$d/store")" "$port"
  wait_ready mongo test -s "$d/port"
}

start() {
  build; need java
  if alive mongo && [[ -f $d/env ]]; then cat "$d/env"; return; fi
  rm -rf "$d"; mkdir -p "$d"
  local store=memory; [[ ${1:-memory} == journal ]] && store=$d/journal
  echo "$store" >"$d/store"
  run
  publish mongo "MONGO_URI=mongodb://127.0.0.1:$(cat "$d/port")"
}
case ${1:-} in
  start) start "${2:-memory}" ;;
  kill) kill_server mongo ;;
  again) run ;;
  stop) stop_server mongo ;;
  *) die "usage: mongo.sh start [memory|journal] | kill | again | stop" ;;
esac
