#include "ledger/sequence_set.h"

#include <algorithm>

namespace ds {

std::uint64_t SequenceSet::add(Interval range) {
  if (range.begin >= range.end) return 0;
  if (bits_used_) return add_bits(range);
  const std::size_t before = ranges_.ranges();
  const std::uint64_t known = ranges_.add(range);
  budget_->ranges += ranges_.ranges() - before;  // may wrap down: unsigned
  if (budget_->ranges > budget_->ranges_max) turn_into_bits();
  return known;
}

void SequenceSet::turn_into_bits() {
  const IntervalSet all = std::move(ranges_);
  budget_->ranges -= all.ranges();
  ranges_ = {};
  bits_used_ = true;
  all.each([&](Interval range) { add_bits(range); });
}

std::uint64_t SequenceSet::add_bits(Interval range) {
  std::uint64_t known = 0;
  for (std::uint64_t at = range.begin; at < range.end;) {
    const std::uint64_t chunk = at / kChunk, begin = chunk * kChunk;
    const std::uint64_t end = std::min(range.end, begin + kChunk);
    if (ranges_.contains(begin)) {
      known += end - at;
    } else if (at == begin && end == begin + kChunk) {
      const auto found = bits_.find(chunk);
      if (found != bits_.end()) {
        known += found->second->count();
        in_bits_ -= found->second->count();
        bits_.erase(found);
      }
      ranges_.add(begin, end);
    } else {
      auto& bits = bits_[chunk];
      if (!bits) bits = std::make_unique<Bits>();
      for (std::uint64_t i = at; i < end; ++i) {
        if (bits->test(i - begin)) {
          ++known;
          continue;
        }
        bits->set(i - begin);
        ++in_bits_;
      }
      if (bits->test(0) && bits->test(kChunk - 1) && bits->all()) {
        in_bits_ -= kChunk;
        bits_.erase(chunk);
        ranges_.add(begin, begin + kChunk);
      }
    }
    at = end;
  }
  return known;
}

bool SequenceSet::contains(std::uint64_t value) const {
  if (ranges_.contains(value)) return true;
  const auto found = bits_.find(value / kChunk);
  return found != bits_.end() && found->second->test(value % kChunk);
}

std::uint64_t SequenceSet::count_in(Interval range) const {
  std::uint64_t count = ranges_.count_in(range);
  for (auto at = bits_.lower_bound(range.begin / kChunk); at != bits_.end(); ++at) {
    const std::uint64_t begin = at->first * kChunk;
    if (begin >= range.end) break;
    const std::uint64_t from = std::max(range.begin, begin);
    const std::uint64_t to = std::min(range.end, begin + kChunk);
    if (to - from == kChunk)
      count += at->second->count();
    else
      for (std::uint64_t i = from; i < to; ++i) count += at->second->test(i - begin);
  }
  return count;
}

void SequenceSet::each_missing(const IntervalSet& wanted,
                               const std::function<void(Interval, std::uint64_t)>& visit) const {
  if (!bits_used_) {
    wanted.each_minus(ranges_, [&](Interval range) { visit(range, range.size()); });
    return;
  }
  wanted.each_minus(ranges_, [&](Interval range) {
    for (std::uint64_t at = range.begin; at < range.end;) {
      const std::uint64_t end = std::min(range.end, (at / kChunk + 1) * kChunk);
      const std::uint64_t missing = end - at - count_in({at, end});
      if (missing > 0) visit({at, end}, missing);
      at = end;
    }
  });
}

void SequenceSet::each_there(const std::function<void(Interval, std::uint64_t)>& visit) const {
  ranges_.each([&](Interval range) { visit(range, range.size()); });
  for (const auto& [chunk, bits] : bits_)
    visit({chunk * kChunk, (chunk + 1) * kChunk}, bits->count());
}

}  // namespace ds
