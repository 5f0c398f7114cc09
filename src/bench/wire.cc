// The whole storm (plan, worker, filler, direct outlet) onto the wire, into a peer that
// acknowledges and discards, against raw loopback bandwidth in the same run, and
// librdkafka at its best settings into the same peer.
#include "bench/discard_peer.h"
#include "bench/loopback.h"
#include "bench/storm_rig.h"
#include "bench/suite.h"

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

Rows bench_wire(const BenchContext& context) {
  std::vector<double> rates, bandwidths, references, shares, theirs, times_theirs;
  double record_bytes = 0;
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
    shares.push_back(wired->bytes / *raw);
    record_bytes = wired->bytes / wired->records;
    theirs.push_back(librdkafka->records / 1e6);
    times_theirs.push_back(wired->records / librdkafka->records);
  }
  const Conditions conditions{
      .record_bytes = record_bytes,
      .acks = "1",
      .codec = "none",
      .durability = "none: the peer discards",
      .engine = "direct",
      .more =
          fmt::format("{} threads, {} connections, {} partitions, batches of 8000 tweets; every "
                      "record counted by the peer",
                      StormRig::threads(), kConnections, kPartitions)};
  Conditions theirs_conditions = conditions;
  theirs_conditions.engine = "librdkafka";
  theirs_conditions.more =
      "the same storm, peer and partitions; batch.size 131072, linger 5 ms, rd_kafka_produce_batch "
      "without copies, delivery reports";
  const Conditions reference{.more = "1 connection, 1 MiB writes, copied in and out"};
  return std::vector<BenchRow>{
      row_of("wire", "M records/s", rates, conditions),
      row_of("wire bytes", "GB/s", bandwidths, conditions),
      row_of("raw loopback", "GB/s", references, reference),
      row_of("wire / loopback", "ratio", shares, conditions).with_goal("P2", true, 0.8),
      row_of("librdkafka", "M records/s", theirs, theirs_conditions),
      row_of("ours / librdkafka", "ratio", times_theirs, conditions).with_goal("P2", true, 5)};
}

}  // namespace ds
