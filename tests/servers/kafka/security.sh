# shellcheck shell=bash
# Certificates, users and clients' property files of a secure cluster. Source it after $run is set.

# NAME:PASSWORD of every user. admin may all, alice what ACLs give her, limited likewise.
users='admin:admin-secret alice:alice-secret limited:limited-secret'
plain_login=org.apache.kafka.common.security.plain.PlainLoginModule
scram_login=org.apache.kafka.common.security.scram.ScramLoginModule

# An own authority, and certificates for the brokers, for a client, and for a stranger who
# signed its own and must be refused. NAME.pem is key and chain in one file, as Kafka reads it.
make_certificates() (
  mkdir -p "$run/tls"
  cd "$run/tls"
  [[ -f stranger.pem ]] && exit
  exec 2>openssl.log
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 \
    -subj /CN=datastorm-test-authority -keyout ca.key -out ca.crt
  for who in broker client stranger; do
    signed_by=(-CA ca.crt -CAkey ca.key)
    [[ $who == stranger ]] && signed_by=()
    # req -newkey writes PKCS#8, the only form of key that Kafka takes
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 \
      -subj "/CN=$who" -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
      -addext basicConstraints=critical,CA:FALSE "${signed_by[@]}" -keyout $who.key -out $who.crt
    cat $who.key $who.crt >$who.pem
  done
)

# clients/PROTOCOL-MECHANISM-USER.properties for every way in (alice-wrong has a wrong password),
# and clients/ssl.properties, clients/mtls.properties: for --command-config and Kafka's tools.
make_client_files() (
  mkdir -p "$run/clients"
  cd "$run/clients"
  trust=$(printf 'ssl.truststore.type=PEM\nssl.truststore.location=%s' "$run/tls/ca.crt")
  printf 'security.protocol=SSL\n%s\n' "$trust" >ssl.properties
  { cat ssl.properties; printf 'ssl.keystore.type=PEM\nssl.keystore.location=%s\n' "$run/tls/client.pem"; } >mtls.properties
  for entry in $users alice-wrong:wrong; do
    file=${entry%%:*} user=${entry%%:*} password=${entry##*:}
    user=${user%-wrong}
    for protocol in SASL_PLAINTEXT SASL_SSL; do
      for mechanism in PLAIN SCRAM-SHA-256 SCRAM-SHA-512; do
        login=$scram_login
        [[ $mechanism == PLAIN ]] && login=$plain_login
        {
          printf '%s\n' "security.protocol=$protocol" "sasl.mechanism=$mechanism" \
            "sasl.jaas.config=$login required username=\"$user\" password=\"$password\";"
          if [[ $protocol == SASL_SSL ]]; then printf '%s\n' "$trust"; fi
        } >"${protocol,,}-${mechanism,,}-$file.properties"
      done
    done
  done
)

# What the storage formatter must be told so that the SCRAM users exist from the start.
scram_arguments() {
  local user mechanism
  for user in $users; do
    for mechanism in SCRAM-SHA-256 SCRAM-SHA-512; do
      printf '%s\n' --add-scram "$mechanism=[name=${user%%:*},password=${user##*:}]"
    done
  done
}
