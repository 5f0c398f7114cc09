# shellcheck shell=bash
# What a node's server.properties say. Source it after $run and $host are set.

# write_config NODE NODES SECURE DATA VOTERS PORT...: ports are PLAINTEXT's, then with SECURE=1
# SSL's, SASL_PLAINTEXT's and SASL_SSL's, then the controller's. Further settings: stdin.
write_config() {
  local node=$1 nodes=$2 secure=$3 data=$4 voters=$5
  shift 5
  local dir=$run/node-$node roles=broker listeners advertised
  listeners=PLAINTEXT://$host:$1; shift
  if ((secure)); then
    listeners+=,SSL://$host:$1,SASL_PLAINTEXT://$host:$2,SASL_SSL://$host:$3; shift 3
  fi
  advertised=$listeners
  if ((node <= 3)); then roles+=,controller; listeners+=,CONTROLLER://$host:$1; fi
  mkdir -p "$dir" "$data"
  {
    identity_settings
    quick_settings
    ((secure)) && secure_settings
    cat
  } >"$dir/server.properties"
}

# The following read write_config's variables.
identity_settings() {
  local map=CONTROLLER:PLAINTEXT name
  for name in PLAINTEXT SSL SASL_PLAINTEXT SASL_SSL; do map+=,$name:$name; done
  cat <<P
node.id=$node
process.roles=$roles
controller.quorum.voters=$voters
listeners=$listeners
advertised.listeners=$advertised
listener.security.protocol.map=$map
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs=$data
P
}

# Small internal topics, short sessions, no waiting: what a test wants and nobody else.
quick_settings() {
  local copies=$((nodes < 3 ? nodes : 3)) in_sync=$((nodes < 3 ? 1 : 2)) log
  for log in transaction.state.log share.coordinator.state.topic; do
    printf '%s\n' "$log.replication.factor=$copies" "$log.min.isr=$in_sync" "$log.num.partitions=4"
  done
  cat <<P
auto.create.topics.enable=false
offsets.topic.replication.factor=$copies
offsets.topic.num.partitions=8
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
group.consumer.min.heartbeat.interval.ms=500
group.consumer.heartbeat.interval.ms=1000
group.consumer.min.session.timeout.ms=3000
group.consumer.session.timeout.ms=6000
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
log.initial.task.delay.ms=1000
log.retention.check.interval.ms=1000
log.segment.delete.delay.ms=1000
message.max.bytes=67108864
replica.fetch.max.bytes=67108864
P
}

secure_settings() {
  cat <<P
ssl.keystore.type=PEM
ssl.keystore.location=$run/tls/broker.pem
ssl.truststore.type=PEM
ssl.truststore.location=$run/tls/ca.crt
ssl.client.auth=requested
ssl.principal.mapping.rules=RULE:^CN=([^,]+).*\$/\$1/
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=false
super.users=User:admin;User:client;User:ANONYMOUS
P
  local listener users_of_plain='' user
  for user in $users; do users_of_plain+=" user_${user%%:*}=\"${user##*:}\""; done
  for listener in sasl_plaintext sasl_ssl; do
    printf 'listener.name.%s.plain.sasl.jaas.config=%s required%s;\n' "$listener" "$plain_login" "$users_of_plain"
    printf "listener.name.$listener.%s.sasl.jaas.config=$scram_login required;\n" scram-sha-256 scram-sha-512
    # Tokens without a signature, who one is by their word: for tests alone.
    printf 'listener.name.%s.oauthbearer.sasl.jaas.config=%s required unsecuredLoginStringClaim_sub="broker";\n' \
      "$listener" org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule
  done
}
