#include "ledger/window_claim.h"

#include <fmt/format.h>

#include <algorithm>

#include "record/identity.h"
#include "record/mix.h"

namespace ds {

std::vector<KindName> kind_names(const std::vector<std::string>& brands) {
  std::vector<KindName> names;
  for (const std::string& brand : brands)
    for (const std::string_view sentiment : kSentimentNames)
      names.push_back({brand, std::string(sentiment)});
  names.push_back({"", ""});
  return names;
}

void add_total(std::vector<KindTotal>& to, std::uint16_t kind, const KindSum& total) {
  if (total.count == 0 && total.sum == 0) return;
  const auto at = std::ranges::lower_bound(to, kind, {}, &KindTotal::kind);
  if (at != to.end() && at->kind == kind)
    at->total.add(total);
  else
    to.insert(at, {kind, total});
}

void add_range(std::vector<Interval>& to, Interval range) {
  if (range.begin >= range.end) return;
  if (to.empty() || to.back().end < range.begin) {
    to.push_back(range);
    return;
  }
  // Touching or overlapping neighbours become one.
  auto first = std::ranges::lower_bound(to, range.begin, {}, &Interval::end);
  auto last = first;
  for (; last != to.end() && last->begin <= range.end; ++last) {
    range.begin = std::min(range.begin, last->begin);
    range.end = std::max(range.end, last->end);
  }
  if (first == last) {
    to.insert(first, range);
  } else {
    *first = range;
    to.erase(first + 1, last);
  }
}

std::uint64_t WindowClaim::delivered_count() const {
  std::uint64_t count = 0;
  for (const Interval range : delivered) count += range.size();
  return count;
}

void WindowClaim::unite(const WindowClaim& other) {
  for (const Interval range : other.delivered) add_range(delivered, range);
  for (const Interval range : other.unknown) add_range(unknown, range);
  for (const KindTotal& each : other.kinds) add_total(kinds, each.kind, each.total);
  for (const KindTotal& each : other.unknown_kinds) add_total(unknown_kinds, each.kind, each.total);
}

std::string window_key(const WindowClaim& claim, std::uint32_t part) {
  return fmt::format("run/{}/{}/{}/stream/{}/partition/{}/{}", run_name(claim.run),
                     claim.seconds == kWindowSeconds ? "window" : "hour", claim.window,
                     claim.stream, claim.partition, part);
}

}  // namespace ds
