// Which batch, stream and sequence a record has: record i of a run is a fixed place, whoever makes
// it.
#pragma once

#include <algorithm>
#include <cstdint>

namespace ds {

struct Numbering {
  std::uint64_t batch_size = 8000;
  std::uint32_t streams = 64;

  struct Place {
    std::uint64_t batch;
    std::uint64_t position;  // in the batch
    std::uint32_t stream;
    std::uint64_t sequence;  // in the stream

    bool operator==(const Place&) const = default;
  };

  constexpr Place place(std::uint64_t record) const {
    const std::uint64_t batch = record / batch_size, position = record % batch_size;
    return {batch, position, static_cast<std::uint32_t>(batch % streams),
            batch / streams * batch_size + position};
  }
  constexpr std::uint64_t record(std::uint32_t stream, std::uint64_t sequence) const {
    return (sequence / batch_size * streams + stream) * batch_size + sequence % batch_size;
  }
};

/// The smallest multiple of the partitions that is at least 64.
constexpr std::uint32_t default_streams(std::int32_t partitions) {
  const auto p = static_cast<std::uint32_t>(std::max(partitions, 1));
  return (64 + p - 1) / p * p;
}

}  // namespace ds
