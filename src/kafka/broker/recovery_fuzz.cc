// Any bytes as the files that a broker starts from: a segment with its marks, the producers' state,
// the groups' offsets. What is served must be whole batches with sound checksums.
//
// The first byte says how long the marks are; an odd one repairs the first batch's checksum, and
// that of the producers' state.
#include <cstdint>

#include "base/check.h"
#include "base/log.h"
#include "kafka/broker/group_offsets.h"
#include "kafka/broker/partition_log.h"
#include "kafka/broker/producer_state.h"
#include "kafka/wire/crc32c.h"
#include "net/sim/disk.h"

namespace ds::kafka::broker {
namespace {

void put(SimDisk& disk, const std::string& path, ByteView content) {
  check((*disk.open(path, OpenMode::kCreate))->write_at(content, 0).ok(), "a simulated write");
}

void recover(ByteView marks, ByteView segment, std::uint8_t boot) {
  SimDisk disk;
  check(disk.make_folder("/p").ok(), "a simulated folder");
  put(disk, "/p/" + Segment::file_name(0), segment);
  put(disk, "/p/marks", marks);
  NoLog log;
  const auto opened = PartitionLog::open(
      disk, "/p", {.boot_id = {boot}}, [](const BatchHeader&) {}, log);
  if (!opened) return;
  check((*opened)->end_offset() >= (*opened)->start_offset(), "a log that ends before it starts");
  for (std::int64_t at = (*opened)->start_offset(); at < (*opened)->end_offset();) {
    const auto found = (*opened)->find(at, (*opened)->end_offset(), 1 << 20, true);
    if (!found || !found->segment) return;
    ByteVec bytes(found->size);
    check(found->segment->file().read_at(bytes, found->position).ok(), "a simulated read");
    BatchCursor batches(bytes);
    const std::int64_t before = at;
    while (const auto batch = batches.next()) {
      check(batch->header.verify(batch->bytes).ok(), "a damaged batch is served");
      at = batch->header.next_offset();
    }
    check(at > before, "a log that does not go on");
  }
}

}  // namespace
}  // namespace ds::kafka::broker

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ds;
  using namespace ds::kafka::broker;
  if (size == 0) return 0;
  const ByteView bytes(data + 1, size - 1);
  const std::size_t marks = std::min<std::size_t>(data[0] / 2, bytes.size());
  ByteVec segment(bytes.begin() + static_cast<std::ptrdiff_t>(marks), bytes.end());
  if (data[0] % 2 == 1 && segment.size() >= kafka::kBatchHeaderBytes) kafka::seal(segment);
  for (const std::uint8_t boot : {0, 1}) recover(bytes.first(marks), segment, boot);
  ByteVec producers(bytes.begin(), bytes.end());
  if (data[0] % 2 == 1 && producers.size() >= 4) {
    const std::size_t body = producers.size() - 4;
    store_be(producers.data() + body, kafka::crc32c(ByteView(producers).first(body)));
  }
  if (const auto state = ProducerState::decode(producers)) {
    const auto again = ProducerState::decode(state->first.encode(state->second));
    check(again && again->second == state->second, "a state that does not come back");
  }

  SimDisk disk;
  check(disk.make_folder("/data").ok(), "a simulated folder");
  put(disk, "/data/offsets", bytes);
  NoLog log;
  check(GroupOffsets::open(disk, "/data", log).ok(), "offsets that are torn are cut");
  return 0;
}
