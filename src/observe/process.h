// What this process costs: processor time and memory, from the kernel's accounting.
#pragma once

#include <cstdint>

namespace ds {

struct ProcessCost {
  double cpu_seconds = 0;       // user and system, all threads
  std::uint64_t rss_bytes = 0;  // resident, without the page cache
};

ProcessCost process_cost();

}  // namespace ds
