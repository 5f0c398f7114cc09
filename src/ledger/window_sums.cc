#include "ledger/window_sums.h"

#include <algorithm>
#include <set>

namespace ds {
namespace {

std::uint64_t count_of(const std::vector<KindTotal>& kinds) {
  std::uint64_t count = 0;
  for (const KindTotal& each : kinds) count += each.total.count;
  return count;
}
std::uint64_t sum_of(const std::vector<KindTotal>& kinds) {
  std::uint64_t sum = 0;
  for (const KindTotal& each : kinds) sum += each.total.sum;
  return sum;
}

}  // namespace

KindIndex::KindIndex(const std::vector<KindName>& known) : names_(known) {
  for (const KindName& each : names_) {
    hashes_.push_back(kind_hash(each.brand, each.sentiment));
    by_hash_.emplace(hashes_.back(), static_cast<std::uint16_t>(hashes_.size() - 1));
  }
}

std::uint16_t KindIndex::of(std::string_view brand, std::string_view sentiment) {
  constexpr std::size_t kCompared = 4, kKindsMax = 10'000;
  for (std::size_t i = 0; i < std::min(names_.size(), kCompared); ++i)
    if (names_[i].sentiment == sentiment && names_[i].brand == brand)
      return static_cast<std::uint16_t>(i);
  const std::uint64_t hash = kind_hash(brand, sentiment);
  if (const auto found = by_hash_.find(hash); found != by_hash_.end()) return found->second;
  // Past the limit the last one takes all: none of them is claimed anyway.
  if (names_.size() == kKindsMax) return kKindsMax - 1;
  names_.push_back({std::string(brand), std::string(sentiment)});
  hashes_.push_back(hash);
  return by_hash_[hash] = static_cast<std::uint16_t>(names_.size() - 1);
}

std::uint64_t WindowCell::found_count() const {
  return count_of(found);
}
std::uint64_t WindowCell::found_sum() const {
  return sum_of(found);
}
std::uint64_t WindowCell::claimed_count() const {
  return count_of(claimed);
}
std::uint64_t WindowCell::claimed_sum() const {
  return sum_of(claimed);
}

WindowSums::WindowSums(const ClaimedRun& claimed) {
  std::set<std::pair<std::uint32_t, std::int64_t>> folded;
  for (const auto& [key, claim] : claimed.windows)
    if (claim.seconds == kFoldedSeconds) folded.emplace(claim.stream, claim.window);
  // Parts of one window follow one another.
  WindowClaim whole;
  const auto make_cells = [&] {
    const auto make = [&](const std::vector<Interval>& ranges, std::vector<KindTotal>& kinds,
                          bool unknown) {
      if (ranges.empty()) return;
      WindowCell cell{.window = whole.window,
                      .seconds = whole.seconds,
                      .stream = whole.stream,
                      .partition = whole.partition,
                      .unknown = unknown,
                      .records = 0,
                      .claimed = std::move(kinds),
                      .found = {}};
      for (const Interval range : ranges) {
        cell.records += range.size();
        streams_[whole.stream].push_back({range, static_cast<std::uint32_t>(cells_.size())});
      }
      cells_.push_back(std::move(cell));
    };
    make(whole.delivered, whole.kinds, false);
    make(whole.unknown, whole.unknown_kinds, true);
    whole = {};
  };
  for (const auto& [key, claim] : claimed.windows) {
    if (claim.seconds == kWindowSeconds &&
        folded.contains({claim.stream, window_of(claim.window, kFoldedSeconds)}))
      continue;
    if (whole.stream != claim.stream || whole.window != claim.window ||
        whole.seconds != claim.seconds) {
      make_cells();
      whole = claim;
    } else {
      whole.unite(claim);
    }
  }
  make_cells();
  for (auto& [stream, ranges] : streams_)
    std::ranges::sort(ranges, {}, [](const Range& each) { return each.range.begin; });
}

WindowCell* WindowSums::find(std::uint32_t stream, std::uint64_t sequence) {
  if (last_range_ != nullptr && last_number_ == stream && last_range_->range.begin <= sequence &&
      sequence < last_range_->range.end)
    return &cells_[last_range_->cell];
  if (last_stream_ == nullptr || last_number_ != stream) {
    const auto found = streams_.find(stream);
    if (found == streams_.end()) return nullptr;
    last_stream_ = &found->second;
    last_number_ = stream;
    last_range_ = nullptr;
  }
  auto at = std::ranges::upper_bound(*last_stream_, sequence, {},
                                     [](const Range& each) { return each.range.begin; });
  if (at == last_stream_->begin() || sequence >= std::prev(at)->range.end) return nullptr;
  last_range_ = &*std::prev(at);
  return &cells_[last_range_->cell];
}

std::vector<Interval> WindowSums::ranges_of(const WindowCell& cell) const {
  std::vector<Interval> ranges;
  const auto index = static_cast<std::uint32_t>(&cell - cells_.data());
  if (const auto found = streams_.find(cell.stream); found != streams_.end())
    for (const Range& each : found->second)
      if (each.cell == index) ranges.push_back(each.range);
  return ranges;
}

}  // namespace ds
