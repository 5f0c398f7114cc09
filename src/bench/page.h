// A result as one page that needs nothing else: goals, and each suite's rows as bars with their
// spread and conditions. To be sent to a colleague.
#pragma once

#include <string>

#include "bench/row.h"

namespace ds {

std::string results_page(const BenchResults& results);

}  // namespace ds
