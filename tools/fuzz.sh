#!/usr/bin/env bash
# Runs every fuzz target that was built: tools/fuzz.sh BUILD_FOLDER [SECONDS_EACH]
# Seeds lie in tests/corpora/TARGET and are not changed; what is found new stays in the build folder.
# DATASTORM_SEED makes it try the same inputs in the same order.
set -euo pipefail
build=$1 seconds=${2:-10}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
shopt -s nullglob
ran=0
for target in "$build"/*_fuzz; do
  name=$(basename "$target")
  found=$build/corpora/$name
  mkdir -p "$found"
  seeds=()
  [[ -d $root/tests/corpora/$name ]] && seeds=("$root/tests/corpora/$name")
  echo "$name for $seconds s"
  "$target" -seed="${DATASTORM_SEED:-0}" -max_total_time="$seconds" -timeout=5 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="$found-" "$found" "${seeds[@]}" >"$build/$name.log" 2>&1 ||
    { tail -n 40 "$build/$name.log"; echo "$name found something: $build/$name.log"; exit 1; }
  sed -n 's/^stat::number_of_executed_units: */  inputs tried: /p' "$build/$name.log"
  ran=$((ran + 1))
done
((ran)) || { echo "no fuzz target in $build"; exit 1; }
echo "$ran fuzz targets, none found anything"
