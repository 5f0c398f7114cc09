// Who sent what: for each producer the numbers that the store holds, the first time and the delays.
#pragma once

#include <deque>
#include <unordered_map>

#include "ledger/sequence_set.h"
#include "report/delay_sketch.h"
#include "sink/stored_rows.h"

namespace ds {

struct ProducerHeld {
  ProducerHeld(std::int64_t its_id, SequenceSet::Budget& gaps, DelaySketch::Budget& sketches)
      : id(its_id), found(gaps), delay(sketches) {}

  std::int64_t id;
  SequenceSet found;
  std::uint64_t rows = 0, repeated = 0;
  std::uint64_t next = 0;  // one past the highest
  std::int64_t first_ms = kNoTime;
  DelaySketch delay;  // made to stored
};

/// Memory: some 300 bytes a producer, gaps and delays out of budgets that all share.
/// Cost: an index for small ids, a look-up for others.
class ProducerTable {
 public:
  ProducerHeld& of(std::int64_t id) {
    constexpr std::int64_t kSmall = 1 << 16;
    if (id < 0 || id >= kSmall) return look_up(id);
    const auto at = static_cast<std::size_t>(id);
    if (at >= small_.size()) small_.resize(at + 1);
    if (small_[at] == nullptr) small_[at] = &look_up(id);
    return *small_[at];
  }
  std::deque<ProducerHeld>& all() { return all_; }

 private:
  ProducerHeld& look_up(std::int64_t id) {
    const auto [at, fresh] = by_id_.try_emplace(id, nullptr);
    if (fresh) at->second = &all_.emplace_back(id, gaps_, sketches_);
    return *at->second;
  }

  SequenceSet::Budget gaps_{SequenceSet::kRangesMax};
  DelaySketch::Budget sketches_{96 << 20};
  std::deque<ProducerHeld> all_;
  std::unordered_map<std::int64_t, ProducerHeld*> by_id_;
  std::vector<ProducerHeld*> small_;
};

}  // namespace ds
