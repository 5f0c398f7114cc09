// The suites of `datastorm bench`. Adding one is a function and a line in suites.cc.
#pragma once

#include <algorithm>
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

class KafkaYard;

struct BenchContext {
  const Clock& clock;
  Log& log;
  int runs = 3;
  Nanos duration = 2 * kSecond;  // of each measured run; sizes that are counts follow it
  std::string folder;            // for files; the caller removes it
  std::vector<Address> brokers;  // a real cluster for those that ask Kafka; empty: of their own,
  std::string kafka_script;      // by this, beside which the other servers' scripts lie
  KafkaYard& yard;
  Nanos limit_p99 = 100 * kMillisecond;     // of the knee
  std::vector<std::string> throttles = {};  // "sink=200k": made slow on purpose

  /// A count that is right for runs of two seconds, for runs of this length.
  std::uint64_t scaled(std::uint64_t at_two_seconds) const {
    const double share = static_cast<double>(duration) / (2.0 * kSecond);
    return std::max<std::uint64_t>(
        1, static_cast<std::uint64_t>(share * static_cast<double>(at_two_seconds)));
  }
};

struct Suite {
  std::string_view name;
  std::string_view purpose;
  Result<std::vector<BenchRow>> (*run)(const BenchContext&);
  bool on_request = false;  // not among those that run when none is named
};

std::span<const Suite> all_suites();

using Rows = Result<std::vector<BenchRow>>;
Rows bench_encode(const BenchContext& context);
Rows bench_serialise(const BenchContext& context);
Rows bench_wire(const BenchContext& context);
Rows bench_broker(const BenchContext& context);
Rows bench_end_to_end(const BenchContext& context);
Rows bench_ledger(const BenchContext& context);
Rows bench_payloads(const BenchContext& context);
Rows bench_sinks(const BenchContext& context);
Rows bench_gateway(const BenchContext& context);
Rows bench_ladder(const BenchContext& context);
Rows bench_compression(const BenchContext& context);
Rows bench_workers(const BenchContext& context);
Rows bench_batch_size(const BenchContext& context);
Rows bench_network(const BenchContext& context);
Rows bench_peers(const BenchContext& context);
Rows bench_knee(const BenchContext& context);
Rows bench_soak(const BenchContext& context);

/// Appends, or passes the error on.
Status add_rows(std::vector<BenchRow>& rows, Rows more);

}  // namespace ds
