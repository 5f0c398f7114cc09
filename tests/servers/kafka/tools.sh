# shellcheck shell=bash
# Kafka's command-line tools by short names. Source it after $cache, $version and $home are set.

# The class of a tool; a name with a dot is a class already.
tool_class() {
  local tools=org.apache.kafka.tools
  case $1 in
    topics)              echo $tools.TopicCommand ;;
    configs)             echo kafka.admin.ConfigCommand ;;
    acls)                echo $tools.AclCommand ;;
    groups)              echo $tools.GroupsCommand ;;
    consumer-groups)     echo $tools.consumer.group.ConsumerGroupCommand ;;
    console-producer)    if [[ $version == 3.* ]]; then echo kafka.tools.ConsoleProducer; else echo $tools.ConsoleProducer; fi ;;
    console-consumer)    echo $tools.consumer.ConsoleConsumer ;;
    producer-perf)       echo $tools.ProducerPerformance ;;
    consumer-perf)       echo $tools.ConsumerPerformance ;;
    e2e-latency)         echo $tools.EndToEndLatency ;;
    verifiable-producer) echo $tools.VerifiableProducer ;;
    verifiable-consumer) echo $tools.VerifiableConsumer ;;
    transactions)        echo $tools.TransactionsCommand ;;
    api-versions)        echo $tools.BrokerApiVersionsCommand ;;
    get-offsets)         echo $tools.GetOffsetShell ;;
    delete-records)      echo $tools.DeleteRecordsCommand ;;
    leader-election)     echo $tools.LeaderElectionCommand ;;
    reassign)            echo $tools.reassign.ReassignPartitionsCommand ;;
    log-dirs)            echo $tools.LogDirsCommand ;;
    dump-log)            echo $tools.DumpLogSegments ;;
    metadata-quorum)     echo $tools.MetadataQuorumCommand ;;
    features)            echo $tools.FeatureCommand ;;
    storage)             echo kafka.tools.StorageTool ;;
    *.*)                 echo "$1" ;;
    *) return 1 ;;
  esac
}

list_tools() { sed -n 's/^    \([a-z0-9-]*\)) *echo .*\.\([A-Za-z]*\) ;;/\1\t\2/p' "$home/tools.sh"; }

classpath() { printf '%s:' "$cache/$version"/libs/*.jar; }

# Tools live for a second, so they start from an archive of loaded classes where there is one
# (0.4 s instead of 0.9 s) and compile quickly rather than well. The two that measure speed do not.
run_class() {
  local class=$1 archive=$cache/$version/tools.jsa share=-Xshare:auto compile=-XX:TieredStopAtLevel=1
  shift
  [[ -f $archive ]] && share=-XX:SharedArchiveFile=$archive
  case $class in *Performance | *Verifiable* | *EndToEnd*) compile=-XX:+TieredCompilation ;; esac
  java "$share" -Xlog:cds=off -Xlog:cds+dynamic=off "$compile" -Xmx"${KAFKA_TOOL_HEAP:-512m}" \
    -Dlog4j2.configurationFile="$home/log4j2.properties" \
    -Dkafka.log.level="${KAFKA_TOOL_LOG:-warn}" -cp "$(classpath)" "$class" "$@"
}

# Writes that archive, once, by a call to a running broker. Failing costs only speed.
archive_tools() {
  local archive=$cache/$version/tools.jsa
  [[ -f $archive ]] && return
  java -XX:ArchiveClassesAtExit="$archive.$$" -Xlog:cds=off -Xlog:cds+dynamic=off \
    -Dlog4j2.configurationFile="$home/log4j2.properties" -Dkafka.log.level=warn -cp "$(classpath)" \
    "$(tool_class topics)" --bootstrap-server "$1" --list >/dev/null 2>&1 || true
  [[ -f $archive.$$ ]] && mv -f "$archive.$$" "$archive"
  return 0
}
