// What the headers of fetched batches tell, without a look at their records.
#pragma once

#include "base/histogram.h"
#include "kafka/client/source.h"
#include "kafka/wire/record_batch.h"

namespace ds {

template <typename Visit>
void for_each_header(const kafka::Fetched& fetched, Visit visit) {
  kafka::BatchCursor batches(fetched.bytes);
  while (const auto batch = batches.next()) visit(batch->header);
}

inline std::int64_t next_offset(const kafka::Fetched& fetched) {
  std::int64_t next = fetched.first_offset;
  for_each_header(fetched, [&](const auto& header) { next = header.next_offset(); });
  return next;
}

/// From the first record's own timestamp in each batch to `wall_ms`, counted in records.
inline void add_latencies(const kafka::Fetched& fetched, std::int64_t wall_ms, Histogram& into) {
  for_each_header(fetched, [&](const auto& header) {
    if (header.record_count > 0)
      into.record((wall_ms - header.base_timestamp) * 1000,
                  static_cast<std::uint64_t>(header.record_count));
  });
}

}  // namespace ds
