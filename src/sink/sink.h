// A place where records end: one small interface. The pipeline's writer thread hands it whole
// fetched batches; when store() returns they are safe, in the sense that the sink names.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "kafka/client/source.h"

namespace ds {

/// What a store() did; counts are of records, in rollups too.
struct Stored {
  std::uint64_t stored = 0;
  std::uint64_t duplicates_suppressed = 0;
  std::uint64_t dead_lettered = 0;  // no tweets, or refused for ever
  /// Stored, but older than what its partition had reached: that no other record of the same
  /// millisecond lies at its point is likely and not shown (InfluxDB only).
  std::uint64_t uniqueness_not_shown = 0;
  std::uint64_t retired = 0;  // older rows that went meanwhile, and stay accounted for
  /// By brand, then by sentiment (positive, negative, neutral).
  std::map<std::string, std::array<std::uint64_t, 3>, std::less<>> by_brand;
  /// Earliest and latest record time among the stored, both 0 when there is none.
  std::int64_t first_ms = 0;
  std::int64_t last_ms = 0;

  /// Brands that are new past `brands_max` are added up under "(other)".
  void add(const Stored& other, std::size_t brands_max = SIZE_MAX);
};

/// Whoever calls a sink, asked by one that waits in the middle of store() to try a part again.
class Patience {
 public:
  virtual ~Patience() = default;
  /// Shows `why` to people and waits. False: give up now, and answer kTimeout.
  virtual bool wait(Nanos time, const Error& why) = 0;
  /// Whether to give up what is under way: the partitions go to somebody else, or time is over.
  /// Threads: any. Cost: a lock.
  virtual bool over() const = 0;
};

/// The log whose offsets are meant. A topic that was deleted and made anew has another id; a broker
/// too old for ids has none.
struct LogName {
  std::string cluster_id;
  std::string topic_id = {};
  bool operator==(const LogName&) const = default;
};

/// What went wrong says what helps, by the error's code:
///   kTimeout   it may pass: the same call may be made again. Nothing of it was stored, or what was
///              will be written again to the same place
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
  virtual Result<Offsets> next_offsets(const LogName& log) = 0;
  /// Whether next_offsets() has a word to say; else the group's commits count.
  virtual bool keeps_offsets() const { return false; }
  /// Before the first store(): who is asked while it waits. Sinks that never wait need none.
  virtual void be_patient_with(Patience&) {}
  /// Stores the batches and, where the store can, the offsets behind them in the same transaction.
  /// All of them, or none and an error. Records that are no tweets, or that the store refuses for
  /// ever, are dead letters: they are safe in their topic before this returns.
  virtual Result<Stored> store(std::span<const kafka::Fetched> batches) = 0;
  /// In words, for every figure: "sqlite, raw, synchronous=normal".
  virtual std::string description() const = 0;
};

enum class StoreAs { kRaw, kRollup, kBoth };
/// "raw", "rollup", "raw and rollup".
std::string_view name_of(StoreAs store);

}  // namespace ds
