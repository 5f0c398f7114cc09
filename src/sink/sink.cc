#include "sink/sink.h"

#include <algorithm>

namespace ds {

void Stored::add(const Stored& other) {
  if (other.stored > 0) {
    first_ms = stored == 0 ? other.first_ms : std::min(first_ms, other.first_ms);
    last_ms = stored == 0 ? other.last_ms : std::max(last_ms, other.last_ms);
  }
  stored += other.stored;
  duplicates_suppressed += other.duplicates_suppressed;
  undecodable += other.undecodable;
  retired += other.retired;
  for (const auto& [brand, counts] : other.by_brand) {
    auto& sum = by_brand[brand];
    for (std::size_t i = 0; i < counts.size(); ++i) sum[i] += counts[i];
  }
}

}  // namespace ds
