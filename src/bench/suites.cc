#include "bench/suite.h"

namespace ds {
namespace {

constexpr Suite kSuites[] = {
    {"encode", "tweets into record batches, against memcpy of the same bytes", bench_encode},
    {"wire",
     "the storm into a peer that acknowledges and discards, against raw loopback and librdkafka",
     bench_wire},
    {"end-to-end", "storm, embedded broker, pipeline and SQLite together, every record counted",
     bench_end_to_end},
    {"payloads", "every other payload into record batches, against tweets", bench_payloads},
    {"ledger", "what claims cost the storm, and a check of them", bench_ledger},
    {"peers", "into Apache Kafka: the storm, a resending probe, librdkafka, Kafka's own producer",
     bench_peers},
};

}  // namespace

std::span<const Suite> all_suites() {
  return kSuites;
}

}  // namespace ds
