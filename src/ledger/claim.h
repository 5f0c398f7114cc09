// What a producer claims to have done: the ledger's one side. Claims travel through the compacted
// topic `datastorm.runs` and lie in the store's table `runs`, so that any machine can verify.
//
// A run has one RunClaim (what the data are made from) and one StreamClaim for each stream (which
// sequence numbers were sent and what became of them). Later claims of the same key replace
// earlier ones.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/interval_set.h"
#include "base/result.h"

namespace ds {

constexpr const char* kRunsTopic = "datastorm.runs";

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
  bool operator==(const StreamClaim&) const = default;
};

/// A claim as it lies in the topic and in the table: JSON, so that people can read it with kcat.
///
///   run/00a1b2c3d4e5              {"run":"00a1b2c3d4e5","topic":"tweets","partitions":32,…}
///   run/00a1b2c3d4e5/stream/7/0   {"run":"00a1b2c3d4e5","stream":7,"partition":7,
///                                  "acknowledged":[[0,8000],[8100,16000]],"written":[],…}
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

ClaimRecord to_record(const RunClaim& claim);
std::vector<ClaimRecord> to_records(const StreamClaim& claim);

/// All that is claimed of one run.
struct ClaimedRun {
  RunClaim run;
  std::map<std::uint32_t, StreamClaim> streams;
};

/// Claims as they are read back, from the topic or the table, in any order.
class ClaimBook {
 public:
  /// Takes a key and a value; refuses what is not a claim, in words. A value without bytes is the
  /// topic's way to delete a key, and is passed over.
  Status add(std::string_view key, std::string_view value);

  const std::map<std::uint64_t, ClaimedRun>& runs() const { return runs_; }
  /// The run that started last; nothing when there is none.
  const ClaimedRun* latest() const;
  const ClaimedRun* find(std::uint64_t run) const;

 private:
  std::map<std::uint64_t, ClaimedRun> runs_;
};

}  // namespace ds
