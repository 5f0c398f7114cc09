// A place where records end: one small interface. The pipeline's writer thread hands it whole
// fetched batches; when store() returns they are safe, in the sense that the sink names.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "kafka/client/source.h"

namespace ds {

/// What a store() did; counts are of records, in rollups too.
struct Stored {
  std::uint64_t stored = 0;
  std::uint64_t duplicates_suppressed = 0;
  std::uint64_t undecodable = 0;
  /// By brand, then by sentiment (positive, negative, neutral).
  std::map<std::string, std::array<std::uint64_t, 3>, std::less<>> by_brand;
  /// Earliest and latest record time among them, for latency from the record's own time.
  std::int64_t first_ms = 0;
  std::int64_t last_ms = 0;
};

/// Threads: one, the pipeline's writer; what a Sink hands out for reading back says otherwise.
class Sink {
 public:
  using Offsets = std::map<kafka::TopicPartition, std::int64_t>;

  virtual ~Sink() = default;
  /// Where this store wants each partition to go on; empty when it keeps no offsets of its own.
  virtual Result<Offsets> next_offsets(const std::string& cluster_id) = 0;
  /// Stores the batches and, where the store can, the offsets behind them in the same transaction.
  virtual Result<Stored> store(const std::vector<kafka::Fetched>& batches) = 0;
  /// In words, for every figure: "sqlite, raw, synchronous=normal".
  virtual std::string description() const = 0;
};

}  // namespace ds
