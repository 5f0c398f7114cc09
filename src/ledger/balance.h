// The other side of the ledger: what a stage holds, and the sums that must balance.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/interval_set.h"
#include "ledger/claim.h"
#include "record/identity.h"

namespace ds {

/// The sequence numbers a stage holds of each (run, stream), fed with each record's identity.
///
/// Cost: a stream's next number in order costs a few compares and an increment; memory grows with
/// the gaps, not with the records.
class Holdings {
 public:
  struct Stream {
    IntervalSet found;
    std::uint64_t doubled = 0;
    std::uint64_t disordered = 0;  // first seen after a record with a higher number
    std::uint64_t highest = 0;     // one past
    IntervalSet doubled_ranges;
    IntervalSet disordered_ranges;
  };

  void add(const RecordId& id);
  /// A whole range at once, e.g. of rows that were trimmed from the store. Its order is not known,
  /// so it disorders nothing.
  void add(std::uint64_t run, std::uint32_t stream, Interval range);

  /// By run and stream.
  const std::map<std::pair<std::uint64_t, std::uint32_t>, Stream>& streams() const {
    return streams_;
  }
  /// Records whose identity could not be read.
  void add_foreign(std::uint64_t records = 1) { foreign_ += records; }
  std::uint64_t foreign() const { return foreign_; }

 private:
  Stream& stream(std::uint64_t run, std::uint32_t stream);

  std::map<std::pair<std::uint64_t, std::uint32_t>, Stream> streams_;
  Stream* last_ = nullptr;  // the one asked for last: records come in runs of one stream
  std::pair<std::uint64_t, std::uint32_t> last_key_{};
  std::uint64_t foreign_ = 0;
};

/// A range of one stream that is not as claimed.
struct Finding {
  std::string what;  // lost, doubled, disordered, unclaimed
  std::uint32_t stream = 0;
  std::uint64_t first = 0;
  std::uint64_t last = 0;

  static void fields(auto& self, auto& io) {
    io("what", self.what);
    io("stream", self.stream);
    io("first", self.first);
    io("last", self.last);
  }
};

/// What `verify` says; its JSON is part of the contract (S9.6).
struct Verdict {
  std::string run;
  std::string stage;
  std::uint64_t expected = 0;
  std::uint64_t found = 0;
  std::uint64_t lost = 0;
  std::uint64_t duplicated = 0;
  std::uint64_t disordered = 0;
  std::uint64_t corrupted = 0;
  std::uint64_t unclaimed = 0;  // held, and never claimed: a producer that died before it could
  std::vector<std::string> not_shown;  // what this stage cannot tell, in words
  std::vector<Finding> ranges;         // at most kFindingsMax; the counts are exact all the same

  bool good() const { return lost == 0 && duplicated == 0 && disordered == 0 && corrupted == 0; }

  static void fields(auto& self, auto& io) {
    io("run", self.run);
    io("stage", self.stage);
    io("expected", self.expected);
    io("found", self.found);
    io("lost", self.lost);
    io("duplicated", self.duplicated);
    io("disordered", self.disordered);
    io("corrupted", self.corrupted);
    io("unclaimed", self.unclaimed);
    io("not_shown", self.not_shown);
    io("ranges", self.ranges);
  }
};

constexpr std::size_t kFindingsMax = 1000;

/// Holds what was claimed against what a stage holds. Expected is what was acknowledged, with
/// acks=0 what was written; records whose fate the producer did not know are welcome and not
/// missed. Order is checked for streams that keep to one partition.
Verdict balance(const ClaimedRun& claimed, const Holdings& held, std::string stage);

}  // namespace ds
