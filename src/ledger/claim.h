// What a producer claims to have done: the ledger's one side. Claims travel through the compacted
// topic `datastorm.runs` and lie in the store's table `runs`, so that any machine can verify.
//
// A run has one RunClaim (what the data are made from), one StreamClaim for each stream (which
// sequence numbers were sent and what became of them) and a WindowClaim for each second and stream
// (what they said). Later claims of the same key replace earlier ones.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "base/bytes.h"
#include "base/interval_set.h"
#include "base/result.h"
#include "ledger/curve.h"
#include "ledger/spacing.h"
#include "ledger/window_claim.h"

namespace ds {

constexpr const char* kRunsTopic = "datastorm.runs";

constexpr int kClaimVersion = 2;

struct BrandClaim {
  std::string name;
  std::uint32_t weight = 1;

  static void fields(auto& self, auto& io) {
    io("name", self.name);
    io("weight", self.weight);
  }
  bool operator==(const BrandClaim&) const = default;
};

/// From generator batch `from_batch` on, batches are mixed so.
struct MixClaim {
  std::uint64_t from_batch = 0;
  std::array<std::uint64_t, 3> shares{};  // in billionths of a percent
  bool is_volatile = false;
  double factor = 0;
  std::uint64_t seed = 0;  // of volatile mixes

  static void fields(auto& self, auto& io) {
    io("from_batch", self.from_batch);
    io("shares", self.shares);
    io("volatile", self.is_volatile);
    io("factor", self.factor);
    io("seed", self.seed);
  }
  bool operator==(const MixClaim&) const = default;
};

/// What a run was told to do; together with a record's number it gives every byte of the record.
struct RunClaim {
  std::uint64_t run = 0;
  std::string topic;
  std::int32_t partitions = 0;
  std::uint32_t streams = 0;
  std::uint64_t batch_size = 0;
  std::uint64_t seed = 0;
  std::string payload = "tweet";
  std::string settings;  // the payload's own, in words: "mix=50/30/20 mode=fixed brands=…"
  std::string engine;
  std::string acks;
  /// Which partition a record goes to: stream, key, round-robin or sticky. With `key` records of a
  /// stream keep their order in each partition; with the last two nothing keeps it.
  std::string placing = "stream";
  double tombstones = 0;                // the share of records without a value
  std::vector<BrandClaim> brands = {};  // of tweets
  std::uint64_t pool = 0;               // texts made beforehand
  std::vector<MixClaim> mixes = {};     // by from_batch
  std::int64_t started_ms = 0;
  std::int64_t ended_ms = 0;  // 0 while it runs, or when it ended without saying so
  bool operator==(const RunClaim&) const = default;
};

struct StreamClaim {
  std::uint64_t run = 0;
  std::uint32_t stream = 0;
  std::int32_t partition = -1;  // -1: spread over several
  IntervalSet acknowledged;
  IntervalSet written;  // acks=0: all that is known
  IntervalSet failed;
  IntervalSet unknown;
  IntervalSet aborted;  // with their transaction, as asked: nobody may read them
  bool operator==(const StreamClaim&) const = default;
};

/// A claim as it lies in the topic and in the table: JSON, so that people can read it with kcat.
///
///   run/00a1b2c3d4e5              {"v":2,"run":"00a1b2c3d4e5","topic":"tweets","partitions":32,…}
///   run/00a1b2c3d4e5/stream/7/0   {"run":"00a1b2c3d4e5","stream":7,"partition":7,
///                                  "acknowledged":[[0,8000],[8100,16000]],"written":[],…}
///   run/00a1b2c3d4e5/window/1700000000/stream/7/partition/7/0
///                                 {"v":2,"run":"00a1b2c3d4e5","stream":7,"partition":7,
///                                  "window":1700000000,"seconds":1,"delivered":[[0,8000]],
///                                  "unknown":[],"sums":[["SuperCoffee","positive",4000,"9f…"],…],
///                                  "unknown_sums":[]}
///
/// Ranges are half open. A stream with many ranges is spread over parts, so that no value exceeds
/// kClaimBytesMax. A stream's sets only ever grow, so parts of different ages unite to something
/// that was true, and nobody has to know how many parts there are.
struct ClaimRecord {
  std::string key;
  std::string value;
  bool operator==(const ClaimRecord&) const = default;
};
constexpr std::size_t kClaimBytesMax = 64 << 10;
/// A window that went on after it was closed numbers its records from the next thousand.
constexpr std::uint32_t kPartsPerClaim = 1000;

ClaimRecord to_record(const RunClaim& claim);
std::vector<ClaimRecord> to_records(const StreamClaim& claim);
/// `names`: of the run's kinds.
std::vector<ClaimRecord> to_records(const WindowClaim& claim, const std::vector<KindName>& names);

/// A second whose claim is no longer needed. `records`: at least as many as it was published in.
struct ClosedWindow {
  std::uint64_t run = 0;
  std::uint32_t stream = 0;
  std::int32_t partition = -1;
  std::int64_t window = 0;
  std::uint32_t part = 0;
  std::uint32_t records = 1;
};

/// What there is to publish.
struct ClaimChanges {
  std::vector<StreamClaim> streams;
  std::vector<WindowClaim> windows;
  /// Seconds that an hour's claim has taken over: their keys are published after it, empty.
  std::vector<ClosedWindow> gone;
  std::vector<CurveClaim> curves;
  std::vector<SpacingClaim> spacings;
  bool empty() const {
    return streams.empty() && windows.empty() && gone.empty() && curves.empty() && spacings.empty();
  }
};
/// All of it as records, in the order in which they must become visible: the run first.
std::vector<ClaimRecord> to_records(const RunClaim& run, const ClaimChanges& changes);

/// All that is claimed of one run.
struct ClaimedRun {
  RunClaim run;
  std::map<std::uint32_t, StreamClaim> streams;
  /// By stream, seconds, window and part. Seconds whose hour is there too are not to be counted.
  std::map<std::tuple<std::uint32_t, std::int64_t, std::int64_t, std::uint32_t>, WindowClaim>
      windows;
  std::vector<KindName> kinds;                                           // what their kinds mean
  std::map<std::pair<std::uint32_t, std::uint32_t>, CurveClaim> curves;  // by shard and part
  std::map<std::uint32_t, SpacingClaim> spacings;                        // by shard
};

/// Claims as they are read back, from the topic or the table, in any order.
class ClaimBook {
 public:
  /// Takes a key and a value; refuses what is not a claim, or a later version's, in words. A value
  /// without bytes is the topic's way to delete a key.
  Status add(std::string_view key, std::string_view value);

  const std::map<std::uint64_t, ClaimedRun>& runs() const { return runs_; }
  /// The run that started last; nothing when there is none.
  const ClaimedRun* latest() const;
  const ClaimedRun* find(std::uint64_t run) const;

 private:
  void forget(std::string_view key);

  std::map<std::uint64_t, ClaimedRun> runs_;
};

}  // namespace ds
