#!/usr/bin/env python3
"""How much of the decoders the fuzz targets reach: tools/fuzz_coverage.py BUILD_FOLDER [SECONDS_EACH]

Each target runs its kept inputs, what an earlier `make fuzz` found, and so many seconds more. A line a decoder: of a
file's functions those that read bytes from outside, which are all but those named here. Exit 1 when fewer than 85 of
100 lines of one were run; then its functions that lack most are named."""
import pathlib
import re
import subprocess
import sys

LEAST = 85
ROOT = pathlib.Path(__file__).resolve().parents[1]

# Target, file, and which of its functions write, name or choose, and so are no decoders.
DECODERS = [
    ("avro_schema_fuzz", "src/record/payload/avro_schema.cc", ""),
    ("claim_fuzz", "src/ledger/claim.cc", r"to_records?|_json|Json::fields|to_json|_key\(|part_of|intern|find\(|latest|runs\("),
    ("decoder_fuzz", "src/record/tweet_decoder.cc", r"forget|operator=|parse_tweet_encoding|\(ds::TweetDecoder&&\)"),
    ("decoder_fuzz", "src/record/avro_tweet.cc", r"append_|put_|encode"),
    ("decoder_fuzz", "src/record/identity.cc", r"to_binary|to_tweet_id|run_name|put_"),
    ("hook_fuzz", "src/web/hook_signature.cc", r"read_hook_secrets|operator=|hex_signature|sign"),
    ("hook_fuzz", "src/web/hook_body.cc", ""),
    ("http_fuzz", "src/net/http_parser.cc", ""),
    ("json_schema_fuzz", "src/record/payload/json_schema.cc", ""),
    ("protobuf_schema_fuzz", "src/record/payload/protobuf_schema.cc", r"from_source|protobuf_payload|AddError|put_value"),
    ("record_batch_fuzz", "src/kafka/wire/record_batch.cc", r"write|Builder|put_|nullable_size|assign_|seal|append_"),
    ("record_batch_fuzz", "src/kafka/wire/compression.cc", r"::(zstd|lz4|gzip|snap)\(|levels_of|::compress\(|name_of|_named"),
    ("recovery_fuzz", "src/kafka/broker/segment.cc", r"compacted_name|position_before_time|boundary_before|read_batches|append"),
    ("recovery_fuzz", "src/kafka/broker/producer_state.cc", r"^(?!.*(decode|Taker|last_offset))"),
    ("request_fuzz", "src/kafka/wire/codec.cc", r"begin_|end_frame|append_be|response_header|to_base64"),
    ("request_fuzz", "src/kafka/wire/codec.h", r"Writer|Put|put"),
    ("sasl_fuzz", "src/kafka/client/sasl.cc", r"nonce|mechanism|to_string"),
    ("schedule_fuzz", "src/storm/schedule_text.cc", r"trace"),
    ("text_template_fuzz", "src/record/payload/text_template.cc", ""),
]


def run(build, target, seconds):
    found = build / "corpora" / target
    found.mkdir(parents=True, exist_ok=True)
    inputs = [folder for folder in (ROOT / "tests/corpora" / target, ROOT / "build/fuzz/corpora" / target) if folder.is_dir()]
    raw, log = build / f"{target}.profraw", build / f"{target}.log"
    with log.open("w") as out:
        done = subprocess.run([build / target, f"-max_total_time={seconds}", "-timeout=5", f"-artifact_prefix={found}-", found,
                               *inputs], stdin=subprocess.DEVNULL, stdout=out, stderr=out, env={"LLVM_PROFILE_FILE": str(raw)})
    if done.returncode != 0:
        sys.exit("\n".join(log.read_text(errors="replace").splitlines()[-40:]) + f"\n{target} found something: {log}")
    subprocess.run(["llvm-profdata-16", "merge", "-sparse", raw, "-o", build / f"{target}.profdata"], check=True)


def functions(build, target, file):
    """Name, lines, lines that were not run."""
    said = subprocess.run(["llvm-cov-16", "report", "-show-functions", f"-instr-profile={build / target}.profdata",
                           build / target, ROOT / file], check=True, capture_output=True, text=True).stdout
    rows = [line.split() for line in said.splitlines()]
    rows = [row for row in rows if len(row) >= 7 and row[3].endswith("%") and row[0] != "TOTAL"]
    names = subprocess.run(["c++filt"], input="\n".join(row[0].split(":")[-1] for row in rows), check=True,
                           capture_output=True, text=True).stdout.splitlines()
    return [(name, int(row[4]), int(row[5])) for name, row in zip(names, rows)]


def main():
    build, seconds = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2] if len(sys.argv) > 2 else "10"
    few, ran = [], set()
    print("  lines      %  decoder")
    for target, file, besides in DECODERS:
        if target not in ran:
            run(build, target, seconds)
            ran.add(target)
        decoding = [each for each in functions(build, target, file) if not (besides and re.search(besides, each[0]))]
        lines = sum(each[1] for each in decoding)
        missed = sum(each[2] for each in decoding)
        percent = 100 * (lines - missed) / lines
        print(f"{lines:7} {percent:6.1f}  {file}", flush=True)
        if percent < LEAST:
            few.append(file)
            for name, all_lines, not_run in sorted(decoding, key=lambda each: -each[2])[:5]:
                if not_run:
                    print(f"          {not_run:4} of {all_lines} not run: {name[:110]}")
    if few:
        sys.exit(f"{len(few)} of them below {LEAST} %")


if __name__ == "__main__":
    main()
