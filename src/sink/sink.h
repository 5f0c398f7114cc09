// A place where records end: one small interface. The pipeline's writer thread hands it whole
// fetched batches; when store() returns they are safe, in the sense that the sink names.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <string>

#include "base/result.h"
#include "kafka/client/source.h"

namespace ds {

/// What a store() did; counts are of records, in rollups too.
struct Stored {
  std::uint64_t stored = 0;
  std::uint64_t duplicates_suppressed = 0;
  std::uint64_t undecodable = 0;
  std::uint64_t retired = 0;  // older rows that went meanwhile, and stay accounted for
  /// By brand, then by sentiment (positive, negative, neutral).
  std::map<std::string, std::array<std::uint64_t, 3>, std::less<>> by_brand;
  /// Earliest and latest record time among the stored, both 0 when there is none.
  std::int64_t first_ms = 0;
  std::int64_t last_ms = 0;

  void add(const Stored& other);
};

/// What went wrong says what helps, by the error's code:
///   kTimeout   it may pass: the same call may be made again, nothing of it was stored
///   kRefused   another consumer moved the offsets: ask next_offsets() again and refetch
///   others     it will not pass by itself
///
/// Threads: one at a time; what a Sink hands out for reading back says otherwise.
class Sink {
 public:
  using Offsets = std::map<kafka::TopicPartition, std::int64_t>;

  virtual ~Sink() = default;
  /// Where this store wants each partition to go on; empty when it keeps no offsets of its own. To
  /// be called before the first store(), which goes on from what it said.
  virtual Result<Offsets> next_offsets(const std::string& cluster_id) = 0;
  /// Stores the batches and, where the store can, the offsets behind them in the same transaction.
  /// All of them, or none and an error.
  virtual Result<Stored> store(std::span<const kafka::Fetched> batches) = 0;
  /// In words, for every figure: "sqlite, raw, synchronous=normal".
  virtual std::string description() const = 0;
};

}  // namespace ds
