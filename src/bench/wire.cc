// The whole storm (plan, worker, filler, direct outlet) onto the wire, into a peer that
// acknowledges and discards, against raw loopback bandwidth in the same run, and
// librdkafka at its best settings into the same peer.
#include "bench/discard_peer.h"
#include "bench/loopback.h"
#include "bench/storm_rig.h"
#include "bench/suite.h"
#include "kafka/client/rdkafka/rdkafka_outlet.h"

namespace ds {
namespace {

constexpr std::int32_t kPartitions = 32;
constexpr int kConnections = 4;

struct Wired {
  double records = 0, bytes = 0;  // a second
};

Result<Wired> storm_into_peer(const BenchContext& context, Engine engine) {
  auto peer = DiscardPeer::start(kPartitions);
  if (!peer) return std::move(peer).error();
  auto rig = StormRig::start({.engine = engine,
                              .brokers = {(*peer)->address()},
                              .partitions = kPartitions,
                              .connections = kConnections,
                              .duration = context.duration},
                             context.clock, context.log);
  if (!rig) return std::move(rig).error();
  const Account account = (*rig)->finish();
  const double seconds = static_cast<double>(account.last_delivery - account.first_intended) / 1e9;
  if (seconds <= 0 || account.acknowledged != (*peer)->records())
    return Error{.message = fmt::format("{} records were acknowledged, but the peer counted {}",
                                        account.acknowledged, (*peer)->records())};
  return Wired{static_cast<double>(account.acknowledged) / seconds,
               static_cast<double>(account.bytes) / seconds};
}

}  // namespace

Result<std::vector<BenchRow>> bench_wire(const BenchContext& context) {
  std::vector<double> rates, bandwidths, references, ratios, theirs, times_theirs;
  for (int run = 0; run < context.runs; ++run) {
    auto wired = storm_into_peer(context, Engine::kDirect);
    if (!wired) return std::move(wired).error();
    auto raw = loopback_bandwidth({.connections = 1, .duration = context.duration}, context.clock);
    if (!raw) return std::move(raw).error();
    auto librdkafka = storm_into_peer(context, Engine::kRdkafka);
    if (!librdkafka) return std::move(librdkafka).error();
    rates.push_back(wired->records / 1e6);
    bandwidths.push_back(wired->bytes / 1e9);
    references.push_back(*raw / 1e9);
    ratios.push_back(wired->bytes / *raw);
    theirs.push_back(librdkafka->records / 1e6);
    times_theirs.push_back(wired->records / librdkafka->records);
  }
  const std::string conditions = fmt::format(
      "acks 1, no compression, {} threads, {} connections, {} partitions, batches of 8000 tweets; "
      "every record counted by the peer",
      StormRig::threads(), kConnections, kPartitions);
  const std::string their_conditions = fmt::format(
      "librdkafka {}: the same storm, peer, acks and partitions; batch.size 131072, linger 5 ms, "
      "rd_kafka_produce_batch without copies, delivery reports",
      kafka::rdkafka_version());
  return std::vector<BenchRow>{row_of("wire", "M records/s", rates, conditions),
                               row_of("wire bytes", "GB/s", bandwidths, conditions),
                               row_of("raw loopback", "GB/s", references,
                                      "reference: 1 connection, 1 MiB writes, copied in and out"),
                               row_of("P2 wire / loopback", "ratio", ratios, "goal >= 0.8"),
                               row_of("librdkafka", "M records/s", theirs, their_conditions),
                               row_of("P2 ours / librdkafka", "ratio", times_theirs, "goal >= 5")};
}

}  // namespace ds
