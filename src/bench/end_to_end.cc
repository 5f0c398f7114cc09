// The whole way on this machine: storm, broker, pipeline, SQLite. Every record is counted at the
// end: a run that does not balance is an error, not a figure. The reference is raw loopback
// bandwidth, which every byte of a record crosses twice.
#include <filesystem>
#include <thread>

#include "bench/kafka_yard.h"
#include "bench/loopback.h"
#include "bench/pipeline_rig.h"
#include "bench/storm_rig.h"
#include "bench/suite.h"
#include "kafka/broker/broker.h"
#include "kafka/client/admin.h"
#include "net/files.h"
#include "sink/sqlite_sink.h"

namespace ds {
namespace {

constexpr Nanos kCatchUpMax = 120 * kSecond;
constexpr std::int32_t kPartitions = 32;
/// Within the 256 MiB that a broker in memory may have, and reused while it is warm. Until a log
/// has reached its limit every byte goes into memory that the kernel has to clear first: with a
/// gigabyte that was a third of all processor time.
constexpr std::uint64_t kLogBytes = 192u << 20;

struct Whole {
  double records_per_second = 0;
  double bytes_per_second = 0;
  double record_bytes = 0;
  double latency_p99_ms = 0;
};

struct Way {
  const char* name;
  StoreAs store;
  Schedule schedule;
  bool embedded = true;
  const char* more;
};

/// The broker keeps what the group has not read, once it knows of the group.
void wait_for_group(kafka::Admin& admin, const std::string& topic, const Clock& clock) {
  for (const Nanos until = clock.now() + 5 * kSecond; clock.now() < until;) {
    const auto committed = admin.group_committed("bench", topic);
    if (committed && committed->size() == static_cast<std::size_t>(kPartitions)) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

Result<Whole> through(const BenchContext& context, const Way& way,
                      const std::vector<Address>& brokers, const std::string& cluster_id,
                      const std::string& folder) {
  kafka::ClientSettings client;
  client.brokers = brokers;
  kafka::Admin admin(client, context.clock, context.log);
  const std::string topic = fmt::format("datastorm-whole-{}", context.clock.now());
  if (auto made = admin.ensure_topic({.name = topic, .partitions = kPartitions}); !made)
    return std::move(made).error();
  auto sink =
      SqliteSink::open(folder + "/bench.db", {.store = way.store}, context.clock, context.log);
  if (!sink) return std::move(sink).error();
  auto pipeline = start_pipeline({.brokers = brokers, .topic = topic, .cluster_id = cluster_id},
                                 std::move(*sink), context.clock, context.log);
  if (!pipeline) return std::move(pipeline).error();
  if (way.embedded) wait_for_group(admin, topic, context.clock);

  auto sent = storm({.brokers = brokers,
                     .topic = topic,
                     .partitions = kPartitions,
                     .connections = way.embedded ? 4 : 8,
                     .in_flight = way.embedded ? 5 : 2,
                     .acks = way.embedded ? kafka::Acks::kLeader : kafka::Acks::kAll,
                     .duration = context.duration,
                     .schedule = way.schedule},
                    context.clock, context.log);
  if (!sent) return std::move(sent).error();
  auto stored = finish_pipeline(**pipeline, sent->account.acknowledged, kCatchUpMax, context.clock);
  if (!stored) return std::move(stored).error();
  if (!way.embedded)
    if (Status gone = admin.delete_topic(topic); !gone) return std::move(gone).error();
  const double seconds =
      static_cast<double>(stored->last_store - sent->account.first_intended) / 1e9;
  return Whole{static_cast<double>(stored->stored) / seconds,
               static_cast<double>(sent->account.bytes) / seconds, sent->record_bytes,
               static_cast<double>(stored->stored_us.quantile(0.99)) / 1000};
}

Result<Whole> run_whole(const BenchContext& context, const Way& way, const std::string& folder) {
  if (!way.embedded) {
    auto place = context.yard.cluster(1);
    if (!place) return std::move(place).error();
    return through(context, way, (*place)->brokers, "apache", folder);
  }
  RealFiles files;
  // The storm and the pipeline of `up` talk to its broker the same way.
  const Address own = Address::unix_path(folder + "/broker.sock");
  auto broker =
      kafka::broker::Broker::start({.listeners = {{.address = own}},
                                    .data_dir = folder + "/broker",
                                    .durability = {.mode = kafka::broker::DurabilityMode::kMemory},
                                    .retention_bytes = kLogBytes,
                                    .keep_unread = true},
                                   files, context.clock, context.log);
  if (!broker) return std::move(broker).error();
  return through(context, way, {own}, (*broker)->cluster_id(), folder);
}

Rows measure(const BenchContext& context, const Way& way, std::vector<double>& references) {
  std::vector<double> rates, shares, latencies;
  double record_bytes = 0;
  const std::string folder = fmt::format("{}/end-to-end", context.folder);
  for (int run = 0; run < context.runs; ++run) {
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
    std::filesystem::create_directories(folder, ignored);
    auto whole = run_whole(context, way, folder);
    if (!whole) return std::move(whole).error();
    std::filesystem::remove_all(folder, ignored);
    auto raw = loopback_bandwidth({.duration = context.duration / 2}, context.clock);
    if (!raw) return std::move(raw).error();
    rates.push_back(whole->records_per_second / 1e6);
    shares.push_back(whole->bytes_per_second / *raw);
    latencies.push_back(whole->latency_p99_ms);
    references.push_back(*raw / 1e9);
    record_bytes = whole->record_bytes;
  }
  const Conditions conditions{.record_bytes = record_bytes,
                              .acks = way.embedded ? "1" : "all",
                              .codec = "none",
                              .durability = way.embedded ? "memory" : "Apache Kafka's page cache",
                              .engine = "direct",
                              .more = way.more};
  const std::string name = way.name;
  std::vector<BenchRow> rows;
  BenchRow rate = row_of(name, "M records/s", rates, conditions);
  const bool rollup = way.store == StoreAs::kRollup;
  if (!way.schedule.is_flat_out()) {
    rows.push_back(std::move(rate));
    rows.push_back(
        row_of("generated to stored, p99", "ms", latencies, conditions).with_goal("P7", false, 20));
    return rows;
  }
  if (rollup)
    rate = std::move(rate).with_goal(way.embedded ? "P5" : "P6", true, way.embedded ? 10 : 4);
  rows.push_back(std::move(rate));
  rows.push_back(row_of(name + " / loopback", "ratio", shares, conditions));
  return rows;
}

}  // namespace

Rows bench_end_to_end(const BenchContext& context) {
  const Way ways[] = {
      {"rollup, flat out", StoreAs::kRollup, Schedule::flat_out(), true,
       "storm, embedded broker (192 MiB, nothing unread dropped), pipeline and SQLite in one "
       "process, by a Unix-domain socket as `up` has it, synchronous=normal; every record counted"},
      {"raw rows, flat out", StoreAs::kRaw, Schedule::flat_out(), true,
       "the same with a row a record"},
      {"rollup, paced at 1 M/s", StoreAs::kRollup, Schedule::steady(1e6), true,
       "open loop at 1 M/s; latency from the record's own timestamp to the committed row"},
      {"through Apache Kafka, rollup", StoreAs::kRollup, Schedule::flat_out(), false,
       "storm and pipeline in one process, 8 connections with 2 requests; every record counted"}};
  std::vector<BenchRow> rows;
  std::vector<double> references;
  for (const Way& way : ways) {
    if (!way.embedded && !context.yard.why_not().empty()) {
      rows.push_back(skipped_row(way.name, context.yard.why_not()));
      continue;
    }
    if (Status added = add_rows(rows, measure(context, way, references)); !added)
      return std::move(added).error();
  }
  rows.push_back(
      row_of("raw loopback", "GB/s", references, Conditions{.more = "1 connection, 1 MiB writes"}));
  return rows;
}

}  // namespace ds
