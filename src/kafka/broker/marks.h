// The marks of a partition's log: how far it reaches, and how far the disk surely has it.
// Layout: docs/formats/log.md.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/bytes.h"

namespace ds::kafka::broker {

struct Marks {
  std::int64_t active_segment = 0;
  std::uint64_t end = 0;
  std::int64_t end_offset = 0;
  std::int64_t synced_offset = 0;
  std::int64_t start_offset = 0;
  std::array<std::uint8_t, 16> boot_id{};
  bool operator==(const Marks&) const = default;
};

constexpr std::size_t kMarksBytes = 68;
/// Where their copy lies, out of reach of a torn write of the marks.
constexpr std::uint64_t kMarksCopyAt = 4096;

std::array<std::uint8_t, kMarksBytes> encode_marks(const Marks& marks);
/// Nothing for bytes that are no marks, or not whole.
std::optional<Marks> decode_marks(ByteView bytes);

}  // namespace ds::kafka::broker
