// The claims' seconds as a reading asks for them: in which one does a record lie, and does its sum
// come out right.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ledger/claim.h"
#include "record/identity.h"

namespace ds {

/// Kinds by name, those of the claims first; others (an altered brand) get numbers of their own.
class KindIndex {
 public:
  explicit KindIndex(const std::vector<KindName>& known);
  /// Cost: a few short comparisons among the three kinds of one brand, a hash among more.
  std::uint16_t of(std::string_view brand, std::string_view sentiment);
  std::uint64_t hash(std::uint16_t kind) const { return hashes_[kind]; }
  const KindName& name(std::uint16_t kind) const { return names_[kind]; }

 private:
  std::vector<KindName> names_;
  std::vector<std::uint64_t> hashes_;
  std::unordered_map<std::uint64_t, std::uint16_t> by_hash_;
};

/// A second (or hour) of a stream: what was delivered, or what is unknown, and what was found of
/// it.
struct WindowCell {
  std::int64_t window = 0;
  std::int64_t seconds = kWindowSeconds;
  std::uint32_t stream = 0;
  std::int32_t partition = -1;
  bool unknown = false;
  std::uint64_t records = 0;  // by the ranges
  std::vector<KindTotal> claimed;
  std::vector<KindTotal> found;

  std::uint64_t found_count() const;
  std::uint64_t found_sum() const;
  std::uint64_t claimed_count() const;
  std::uint64_t claimed_sum() const;
};

class WindowSums {
 public:
  explicit WindowSums(const ClaimedRun& claimed);

  bool empty() const { return cells_.empty(); }
  std::vector<WindowCell>& cells() { return cells_; }
  /// The cell of a record, or null where none is claimed. Cost: two compares in order.
  WindowCell* find(std::uint32_t stream, std::uint64_t sequence);
  /// Of one cell, in order.
  std::vector<Interval> ranges_of(const WindowCell& cell) const;

 private:
  struct Range {
    Interval range;
    std::uint32_t cell;
  };
  std::vector<WindowCell> cells_;
  std::map<std::uint32_t, std::vector<Range>> streams_;
  const std::vector<Range>* last_stream_ = nullptr;
  std::uint32_t last_number_ = 0;
  const Range* last_range_ = nullptr;
};

}  // namespace ds
