// The suites of `datastorm bench`. Adding one is a function and a line in suites.cc.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"
#include "bench/row.h"
#include "net/socket.h"

namespace ds {

struct BenchContext {
  const Clock& clock;
  Log& log;
  int runs = 3;
  Nanos duration = 2 * kSecond;  // of each measured run
  std::string folder;            // for files; the caller removes it
  std::vector<Address> brokers;  // a real cluster for `peers`; empty: it starts one of its own
  std::string kafka_script;      // by this
};

struct Suite {
  std::string_view name;
  std::string_view purpose;
  Result<std::vector<BenchRow>> (*run)(const BenchContext&);
};

std::span<const Suite> all_suites();

Result<std::vector<BenchRow>> bench_encode(const BenchContext& context);
Result<std::vector<BenchRow>> bench_wire(const BenchContext& context);
Result<std::vector<BenchRow>> bench_end_to_end(const BenchContext& context);
Result<std::vector<BenchRow>> bench_ledger(const BenchContext& context);
Result<std::vector<BenchRow>> bench_payloads(const BenchContext& context);
Result<std::vector<BenchRow>> bench_peers(const BenchContext& context);

}  // namespace ds
