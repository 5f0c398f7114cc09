#include "sink/sink.h"

#include <algorithm>

namespace ds {

std::string_view name_of(StoreAs store) {
  return store == StoreAs::kRaw ? "raw" : store == StoreAs::kRollup ? "rollup" : "raw and rollup";
}

void Stored::add(const Stored& other, std::size_t brands_max) {
  if (other.stored > 0) {
    first_ms = stored == 0 ? other.first_ms : std::min(first_ms, other.first_ms);
    last_ms = stored == 0 ? other.last_ms : std::max(last_ms, other.last_ms);
  }
  stored += other.stored;
  duplicates_suppressed += other.duplicates_suppressed;
  dead_lettered += other.dead_lettered;
  uniqueness_not_shown += other.uniqueness_not_shown;
  retired += other.retired;
  for (const auto& [brand, counts] : other.by_brand) {
    const bool fits = by_brand.size() < brands_max || by_brand.contains(brand);
    auto& sum = by_brand[fits ? brand : "(other)"];
    for (std::size_t i = 0; i < counts.size(); ++i) sum[i] += counts[i];
  }
}

}  // namespace ds
