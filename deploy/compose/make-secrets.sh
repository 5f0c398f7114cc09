#!/usr/bin/env bash
# Draws the secrets that the compose files mount, each once: one that is there is kept.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/secrets"
umask 022  # containers read them as users of their own; the folder is what keeps others out
chmod 0700 .

draw() { [[ -s $1 ]] || od -An -N24 -tx1 /dev/urandom | tr -d ' \n' >"$1"; }
for name in influx-password influx-token dashboard-token grafana-password mongo-password hook-secret; do
  draw "$name"
done
printf 'token = "%s"\ninflux-token = "%s"\n' "$(<dashboard-token)" "$(<influx-token)" >datastorm.toml
printf 'mongo-url = "mongodb://datastorm:%s@mongo:27017/parakafka?authSource=admin"\n' \
  "$(<mongo-password)" >mongo.toml
echo "secrets are in $PWD; the dashboard's token: $(<dashboard-token)"
