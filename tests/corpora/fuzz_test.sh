#!/usr/bin/env bash
# Builds the fuzz targets with clang and lets each look for new inputs: 10 s, at full size 45 s.
# What the other compilers replay of the kept inputs is in `ctest -R corpora`.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
seconds=10
[[ ${DATASTORM_TEST_SIZE:-} == full ]] && seconds=45

missing() {
  [[ -n ${CI:-} ]] && { echo "$1 (CI is set, so this is a failure)"; exit 1; }
  echo "SKIP $1"
  exit 77
}
command -v clang++-16 >/dev/null || missing 'clang++-16 is not there; run: setup/install.sh up test'
[[ -n $(clang++-16 -print-file-name=libclang_rt.fuzzer-x86_64.a) && -e $(clang++-16 -print-file-name=libclang_rt.fuzzer-x86_64.a) ]] ||
  missing "clang 16's libFuzzer is not there; run: setup/install.sh up test"

cd "$root"
mkdir -p build/fuzz
exec 9>build/fuzz/.lock
flock -w 1500 9 || { echo 'another run has held build/fuzz for 25 minutes'; exit 1; }
began=$SECONDS
cmake --preset fuzz >build/fuzz/configure.log 2>&1 || { tail -n 20 build/fuzz/configure.log; exit 1; }
cmake --build build/fuzz --target fuzzers -j 2 >build/fuzz/build.log 2>&1 || { tail -n 40 build/fuzz/build.log; exit 1; }
echo "built in $((SECONDS - began)) s"
# `make fuzz` goes where nobody was; here the same change must fare the same twice.
DATASTORM_SEED=${DATASTORM_SEED:-1} tools/fuzz.sh build/fuzz "$seconds"
