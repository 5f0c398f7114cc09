// What `produce` and `up` give their records beside the payload: keys, partitions, headers,
// tombstones, transactions.
#pragma once

#include <string_view>

#include "cli/storm_options.h"

namespace ds::cli {

inline constexpr std::string_view kDressSettings[] = {
    "keys",       "key-cardinality",     "partitioner", "header",
    "tombstones", "transaction-records", "abort-rate"};

/// Whether transactions are asked for: they go through librdkafka, and it is taken then unless
/// another engine was.
bool wants_transactions(Reader& read);

/// After all else of `options` has been read: what is asked for here must fit it.
void read_dress(Reader& read, StormOptions& options);

}  // namespace ds::cli
