#!/usr/bin/env bash
# How much of the decoders the fuzz targets reach: tools/fuzz_coverage.sh BUILD_FOLDER [SECONDS_EACH]
# Each target runs its kept inputs, what an earlier `make fuzz` found, and so many seconds more. One
# line a decoder; exit 1 when fewer than 85 of 100 lines of one were run.
set -euo pipefail
build=$1 seconds=${2:-10}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
least=85

# What reads bytes from outside, and its target.
decoders='
avro_schema_fuzz     src/record/payload/avro_schema.cc
claim_fuzz           src/ledger/claim.cc
decoder_fuzz         src/record/tweet_decoder.cc
decoder_fuzz         src/record/avro_tweet.cc
decoder_fuzz         src/record/identity.cc
hook_fuzz            src/web/hook_signature.cc
hook_fuzz            src/web/hook_body.cc
http_fuzz            src/net/http_parser.cc
json_schema_fuzz     src/record/payload/json_schema.cc
protobuf_schema_fuzz src/record/payload/protobuf_schema.cc
record_batch_fuzz    src/kafka/wire/record_batch.cc
record_batch_fuzz    src/kafka/wire/compression.cc
recovery_fuzz        src/kafka/broker/segment.cc
recovery_fuzz        src/kafka/broker/producer_state.cc
request_fuzz         src/kafka/wire/codec.cc
request_fuzz         src/kafka/wire/codec.h
sasl_fuzz            src/kafka/client/sasl.cc
schedule_fuzz        src/storm/schedule.cc
text_template_fuzz   src/record/payload/text_template.cc'

run() { # TARGET: its profile, as build/TARGET.profdata
  local target=$1 found=$build/corpora/$1 inputs=("$root/tests/corpora/$1")
  mkdir -p "$found"
  [[ -d $root/build/fuzz/corpora/$target ]] && inputs+=("$root/build/fuzz/corpora/$target")
  LLVM_PROFILE_FILE=$build/$target.profraw "$build/$target" -max_total_time="$seconds" -timeout=5 \
    -artifact_prefix="$found-" "$found" "${inputs[@]}" >"$build/$target.log" 2>&1 ||
    { tail -n 40 "$build/$target.log"; echo "$target found something: $build/$target.log"; exit 1; }
  llvm-profdata-16 merge -sparse "$build/$target.profraw" -o "$build/$target.profdata"
}

few=0 ran=
printf '%7s %6s  %s\n' lines '%' decoder
while read -r target file; do
  [[ -n $target ]] || continue
  [[ " $ran " == *" $target "* ]] || { run "$target"; ran+=" $target"; }
  read -r lines percent < <(llvm-cov-16 export -summary-only "$build/$target" \
    -instr-profile="$build/$target.profdata" "$root/$file" |
    python3 -c 'import json, sys
lines = json.load(sys.stdin)["data"][0]["totals"]["lines"]
print(lines["count"], round(lines["percent"], 1))')
  printf '%7s %6s  %s\n' "$lines" "$percent" "$file"
  awk -v reached="$percent" -v least=$least 'BEGIN {exit reached >= least}' && few=$((few + 1))
done <<<"$decoders"
((few == 0)) || { echo "$few of them below $least %"; exit 1; }
