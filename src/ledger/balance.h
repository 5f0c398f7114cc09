// The other side of the ledger: what a stage holds, and the sums that must balance.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ledger/claim.h"
#include "ledger/sequence_set.h"
#include "record/identity.h"

namespace ds {

/// The sequence numbers a stage holds of each (run, stream), fed with each record's identity.
///
/// Cost: a stream's next number in order costs a few compares and an increment; memory grows with
/// the gaps, not with the records (sequence_set.h says what happens past a million of them).
class Holdings {
 public:
  /// `gaps_max`: of all streams together.
  explicit Holdings(std::size_t gaps_max = SequenceSet::kRangesMax)
      : budget_(std::make_unique<SequenceSet::Budget>(gaps_max)) {}

  struct Stream {
    explicit Stream(SequenceSet::Budget& budget)
        : found(budget), doubled_ranges(budget), disordered_ranges(budget) {}

    SequenceSet found;
    std::uint64_t doubled = 0;
    std::uint64_t disordered = 0;  // out of their place; see Holdings::add()
    SequenceSet doubled_ranges;
    SequenceSet disordered_ranges;

   private:
    friend class Holdings;
    std::uint64_t highest = 0;  // one past the last in order
    /// One that jumped ahead, until the next tells whether it went on from there.
    struct Jump {
      std::uint64_t from, to;
    };
    /// Of the stream's records in one partition: gaps are no jumps, the others lie elsewhere.
    struct Line {
      std::uint64_t highest = 0;  // one past it
      std::uint64_t before = 0;   // the same, before the last record
      bool rose = false;          // with the last record
    };
    std::optional<Jump> jump;
    std::vector<Line> lines;  // by partition, where order is kept in each
  };

  /// Whether it is there for the first time. A record is disordered when it comes after higher
  /// ones; one that alone came before lower ones is so itself, and they are not.
  bool add(const RecordId& id);
  /// From now on a stream keeps its order in each partition, not over all of them: its records were
  /// placed by their keys.
  void order_by_partition() { by_partition_ = true; }
  /// Where the records that follow lie.
  void at_partition(std::int32_t partition) { partition_ = partition; }
  bool knows_partitions() const { return partition_ >= 0; }
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
  static void order(Stream& of, std::uint64_t sequence);
  void order_in_partition(Stream& of, std::uint64_t sequence) const;

  std::unique_ptr<SequenceSet::Budget> budget_;
  std::map<std::pair<std::uint64_t, std::uint32_t>, Stream> streams_;
  Stream* last_ = nullptr;  // the one asked for last: records come in runs of one stream
  std::pair<std::uint64_t, std::uint32_t> last_key_{};
  std::uint64_t foreign_ = 0;
  bool by_partition_ = false;
  std::int32_t partition_ = -1;  // -1: the stage does not tell
};

/// A range of one stream that is not as claimed.
struct Finding {
  std::string what;   // lost, doubled, disordered, corrupted, aborted (and there), unclaimed
  std::string stage;  // where: acknowledged by the broker, and not in what `stage` names
  std::uint32_t stream = 0;
  std::int32_t partition = -1;
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::uint64_t count = 0;    // of records from first to last; fewer when ranges are summed up
  std::int64_t window_s = 0;  // the second of their intended time; 0: not claimed
  std::string window;         // the same, for people
  std::string why;            // of a corrupted one: which field

  static void fields(auto& self, auto& io) {
    io("what", self.what);
    io("stage", self.stage);
    io("stream", self.stream);
    io("partition", self.partition);
    io("first", self.first);
    io("last", self.last);
    io("count", self.count);
    io("window_s", self.window_s);
    io("window", self.window);
    io("why", self.why);
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
  std::uint64_t generated = 0;  // all that the producer claims to have made, whatever became of it
  std::uint64_t failed = 0;     // of them surely not stored, and given up
  std::uint64_t unknown = 0;    // of them without an answer
  std::uint64_t foreign = 0;    // held, and without an identity that could be read
  std::uint64_t aborted = 0;    // with their transactions, as asked: nobody may read them
  std::uint64_t visible = 0;    // of the aborted ones: an error, named in `ranges` as "aborted"
  std::uint64_t unclaimed = 0;  // held, and never claimed: a producer that died before it could
  std::vector<std::string> not_shown;  // what this stage cannot tell, in words
  std::string of = "stream";           // whose numbers the ranges are: a stream's or a producer's
  std::vector<Finding> ranges;         // at most kFindingsMax; the counts are exact all the same

  bool good() const {
    return lost == 0 && duplicated == 0 && disordered == 0 && corrupted == 0 && visible == 0;
  }

  static void fields(auto& self, auto& io) {
    io("run", self.run);
    io("stage", self.stage);
    io("expected", self.expected);
    io("found", self.found);
    io("lost", self.lost);
    io("duplicated", self.duplicated);
    io("disordered", self.disordered);
    io("corrupted", self.corrupted);
    io("generated", self.generated);
    io("failed", self.failed);
    io("unknown", self.unknown);
    io("foreign", self.foreign);
    io("unclaimed", self.unclaimed);
    io("aborted", self.aborted);
    io("visible", self.visible);
    io("not_shown", self.not_shown);
    io("ranges", self.ranges);
  }
};

constexpr std::size_t kFindingsMax = 1000;

/// Holds what was claimed against what a stage holds. Expected is what was acknowledged, with
/// acks=0 what was written; records whose fate the producer did not know are welcome and not
/// missed. Order is checked for streams that keep to one partition.
Verdict balance(const ClaimedRun& claimed, const Holdings& held, std::string stage);

/// "2026-11-21 12:00:05Z"
std::string shown_second(std::int64_t since_1970_s);

}  // namespace ds
