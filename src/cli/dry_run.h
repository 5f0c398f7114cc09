// `--dry-run N`: what would be sent, for people or as JSON.
#pragma once

#include "cli/storm_options.h"

namespace ds::cli {

/// Prints the first `records` records of the run; a JSON object a line with all fields if `json`.
int run_dry(StormOptions options, std::uint64_t records, bool json);

}  // namespace ds::cli
