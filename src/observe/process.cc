#include "observe/process.h"

#include <sys/resource.h>
#include <unistd.h>

#include <fstream>

namespace ds {

ProcessCost process_cost() {
  ProcessCost cost;
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  cost.cpu_seconds = seconds(usage.ru_utime) + seconds(usage.ru_stime);
  // Pages: total, resident, shared. Anonymous memory is what a part costs; mapped files are not.
  std::ifstream statm("/proc/self/statm");
  std::uint64_t total = 0, resident = 0, shared = 0;
  if (statm >> total >> resident >> shared)
    cost.rss_bytes = resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  return cost;
}

}  // namespace ds
