// Any bytes as record batches: stepped over, verified, decompressed under a cap, walked.
//
// The checksum is repaired first when the input's first byte is odd, or the fuzzer would never get
// past it.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "kafka/wire/record_batch.h"

namespace ds::kafka {
namespace {

constexpr std::size_t kPlainMax = 1u << 20;

void walk(const BatchView& batch) {
  (void)batch.header.verify(batch.bytes);
  ByteVec scratch;
  RecordReader records(batch, scratch, kPlainMax);
  if (scratch.size() > kPlainMax + 1) std::abort();
  std::int64_t bytes = 0;
  while (const auto record = records.next()) {
    for (HeaderReader headers(*record); const auto header = headers.next();)
      bytes += static_cast<std::int64_t>(header->key.size());
    if (record->value) bytes += static_cast<std::int64_t>(record->value->size());
  }
  if (bytes > static_cast<std::int64_t>(std::max(batch.bytes.size(), kPlainMax))) std::abort();
}

}  // namespace
}  // namespace ds::kafka

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ds::kafka;
  if (size == 0) return 0;
  ds::ByteVec bytes(data + 1, data + size);
  if (data[0] % 2 == 1 && bytes.size() >= kBatchHeaderBytes) seal(bytes);
  BatchCursor batches(bytes);
  while (const auto batch = batches.next()) walk(*batch);
  return 0;
}
