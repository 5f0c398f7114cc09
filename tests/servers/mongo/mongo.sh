#!/usr/bin/env bash
# A server that speaks MongoDB's wire protocol: mongo-java-server, by Maven. It is not MongoDB:
# `w` is ignored, insertedCount is wrong, there is no SCRAM. Codes 11000 and unique indexes are right.
#
#   mongo.sh start [memory|h2]    h2 keeps the data in a file and is far slower. What was answered is in
#                                 the file: left alone, the server writes it up to a second later
#   mongo.sh kill|again|stop      kill is -9; again: same port, same data (h2)
# shellcheck source=../lib/server.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/server.sh"
V=${MONGO_JAVA_SERVER_VERSION:-1.47.0}
home=$DS_CACHE/mongo-java-server-$V-2 # counts the changes to what build() makes
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
<dependency><groupId>de.bwaldvogel</groupId><artifactId>mongo-java-server-h2-backend</artifactId><version>$V</version></dependency>
<dependency><groupId>org.slf4j</groupId><artifactId>slf4j-nop</artifactId><version>2.0.16</version></dependency>
</dependencies></project>
P
  cat >Server.java <<'J'
import de.bwaldvogel.mongo.*;
import de.bwaldvogel.mongo.backend.h2.H2Backend;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.wire.message.MongoMessage;
import io.netty.channel.Channel;
import java.nio.file.*;

/** Server PORTFILE memory|H2-FILE [PORT]: listens on loopback, then writes its port to PORTFILE. */
public class Server {
  static class Committing extends H2Backend {
    Committing(String file) { super(file); }
    public Document handleMessage(MongoMessage m) {
      Document answer = super.handleMessage(m);
      commit();
      return answer;
    }
    public Document handleCommand(Channel c, String database, String command, Document query) {
      Document answer = super.handleCommand(c, database, command, query);
      commit();
      return answer;
    }
  }

  public static void main(String[] a) throws Exception {
    MongoServer s = new MongoServer(a[1].equals("memory") ? new MemoryBackend() : new Committing(a[1]));
    s.bind("127.0.0.1", a.length > 2 ? Integer.parseInt(a[2]) : 0);
    Runtime.getRuntime().addShutdownHook(new Thread(s::shutdown));
    Path tmp = Path.of(a[0] + ".tmp");
    Files.writeString(tmp, Integer.toString(s.getLocalAddress().getPort()));
    Files.move(tmp, Path.of(a[0]), StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    Thread.currentThread().join();
  }
}
J
  mvn -q -B dependency:copy-dependencies -DoutputDirectory=jars >mvn.log 2>&1 || { tail -n 20 mvn.log >&2; die "Maven could not fetch mongo-java-server $V"; }
  javac -cp 'jars/*' -d classes Server.java || die "javac failed"
  touch ready; rm -rf "$home"; mkdir -p "$home"; mv jars classes ready "$home/"
)
run() {
  local port=0
  if [[ -s $d/port ]]; then port=$(cat "$d/port"); rm "$d/port"; fi
  launch mongo java -Xmx"${MONGO_HEAP:-1g}" -cp "$home/classes:$home/jars/*" Server "$d/port" \
    "$(cat "$d/store")" "$port"
  wait_ready mongo test -s "$d/port"
}

start() {
  build; need java
  if alive mongo && [[ -f $d/env ]]; then cat "$d/env"; return; fi
  rm -rf "$d"; mkdir -p "$d"
  local store=memory; [[ ${1:-memory} == h2 ]] && store=$d/data.mv
  echo "$store" >"$d/store"
  run
  publish mongo "MONGO_URI=mongodb://127.0.0.1:$(cat "$d/port")"
}
case ${1:-} in
  start) start "${2:-memory}" ;;
  kill) kill_server mongo ;;
  again) run ;;
  stop) stop_server mongo ;;
  *) die "usage: mongo.sh start [memory|h2] | kill | again | stop" ;;
esac
