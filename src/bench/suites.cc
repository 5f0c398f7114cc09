#include "bench/suite.h"

#include <iterator>

namespace ds {
namespace {

constexpr Suite kSuites[] = {
    {"encode", "tweets into record batches, against memcpy of the same bytes", bench_encode},
    {"serialise", "Avro work for 10 K records, before and after pre-serialising", bench_serialise},
    {"wire",
     "the storm into a peer that acknowledges and discards, against raw loopback and librdkafka",
     bench_wire},
    {"broker",
     "the embedded broker: produce and fetch against loopback, fdatasync, latency, start, "
     "recovery, "
     "growth, memory",
     bench_broker},
    {"end-to-end", "storm, broker, pipeline and SQLite together, every record counted",
     bench_end_to_end},
    {"payloads", "every other payload into record batches, against tweets", bench_payloads},
    {"ledger", "what claims cost the storm, and a check of them", bench_ledger},
    {"sinks",
     "from Kafka into SQLite, VictoriaMetrics, InfluxDB and MongoDB, against the least "
     "that can be done",
     bench_sinks},
    {"gateway", "signed webhooks, one event a request and many", bench_gateway},
    {"ladder", "ways of producing, from one record at a time to the direct engine", bench_ladder},
    {"compression", "codecs: processor time, rate, latency", bench_compression},
    {"workers", "threads in the storm", bench_workers},
    {"batch-size", "batches of 1, 4 and 16 MB: memory and rate; adaptive against static",
     bench_batch_size},
    {"network", "localhost against a link shaped to 10 Gbit/s", bench_network},
    {"peers",
     "into Apache Kafka: the storm, a resending probe, librdkafka, kcat, Kafka's own tools",
     bench_peers},
    {"knee", "the highest rate that meets the limits, and the stage that ends it", bench_knee},
    {"soak", "one rate for --duration, in windows of 10 s", bench_soak, true},
};

}  // namespace

std::span<const Suite> all_suites() {
  return kSuites;
}

Status add_rows(std::vector<BenchRow>& rows, Rows more) {
  if (!more) return std::move(more).error();
  rows.insert(rows.end(), std::make_move_iterator(more->begin()),
              std::make_move_iterator(more->end()));
  return Done{};
}

}  // namespace ds
