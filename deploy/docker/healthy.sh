#!/usr/bin/env bash
# Says whether a part of DataStorm in this container is well, without a further program in the image.
#
#   datastorm-healthy http 3000      the dashboard or the gateway answers
#   datastorm-healthy kafka 9092     the broker answers a client
set -euo pipefail
kind=$1 port=$2
case $kind in
  http)
    exec 3<>"/dev/tcp/127.0.0.1/$port"
    printf 'GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nConnection: close\r\n\r\n' "$port" >&3
    read -r -t 4 _ status _ <&3
    [[ $status == 200 ]]
    ;;
  kafka) exec timeout 4 datastorm topic list --quiet --brokers "127.0.0.1:$port" >/dev/null ;;
  *) echo "datastorm-healthy: '$kind' is not known; http or kafka" >&2; exit 2 ;;
esac
