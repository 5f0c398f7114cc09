#include "kafka/broker/marks.h"

#include <algorithm>

#include "kafka/wire/crc32c.h"

namespace ds::kafka::broker {
namespace {
constexpr std::uint32_t kMagic = 0x44534d4b;  // "DSMK"
constexpr std::int32_t kVersion = 1;
}  // namespace

std::array<std::uint8_t, kMarksBytes> encode_marks(const Marks& marks) {
  std::array<std::uint8_t, kMarksBytes> out;
  store_be(out.data(), kMagic);
  store_be(out.data() + 4, kVersion);
  store_be(out.data() + 8, marks.active_segment);
  store_be(out.data() + 16, marks.end);
  store_be(out.data() + 24, marks.end_offset);
  store_be(out.data() + 32, marks.synced_offset);
  store_be(out.data() + 40, marks.start_offset);
  std::copy(marks.boot_id.begin(), marks.boot_id.end(), out.begin() + 48);
  store_be(out.data() + 64, crc32c(ByteView(out).first(64)));
  return out;
}

std::optional<Marks> decode_marks(ByteView bytes) {
  if (bytes.size() < kMarksBytes || load_be<std::uint32_t>(bytes.data()) != kMagic ||
      load_be<std::int32_t>(bytes.data() + 4) != kVersion ||
      load_be<std::uint32_t>(bytes.data() + 64) != crc32c(bytes.first(64)))
    return std::nullopt;
  Marks marks;
  marks.active_segment = load_be<std::int64_t>(bytes.data() + 8);
  marks.end = load_be<std::uint64_t>(bytes.data() + 16);
  marks.end_offset = load_be<std::int64_t>(bytes.data() + 24);
  marks.synced_offset = load_be<std::int64_t>(bytes.data() + 32);
  marks.start_offset = load_be<std::int64_t>(bytes.data() + 40);
  std::copy_n(bytes.begin() + 48, 16, marks.boot_id.begin());
  return marks;
}

}  // namespace ds::kafka::broker
