// The whole way on this machine: storm, embedded broker in memory, pipeline, SQLite. Every record
// is counted at the end: a run that does not balance is an error, not a figure. The reference is
// raw loopback bandwidth, which every byte of a record crosses twice.
#include <filesystem>
#include <thread>

#include "bench/loopback.h"
#include "bench/storm_rig.h"
#include "bench/suite.h"
#include "kafka/broker/broker.h"
#include "kafka/client/admin.h"
#include "kafka/client/fetcher.h"
#include "net/files.h"
#include "pipeline/pipeline.h"
#include "sink/sqlite_sink.h"

namespace ds {
namespace {

constexpr Nanos kCatchUpMax = 120 * kSecond;
constexpr char kTopic[] = "bench";
constexpr std::int32_t kPartitions = 32;
constexpr char kGroup[] = "bench";
/// As `up` has it: a log that is reused while it is hot. Without a limit every byte goes into
/// memory that the kernel has to clear first, and that is what would be measured.
constexpr std::uint64_t kLogBytes = 1u << 30;

struct Whole {
  double records_per_second = 0;
  double bytes_per_second = 0;
  double latency_p99_ms = 0;
};

Result<Whole> run_whole(const BenchContext& context, StoreAs store, Schedule schedule,
                        const std::string& folder) {
  RealFiles files;
  auto broker =
      kafka::broker::Broker::start({.listen = {"127.0.0.1", 0},
                                    .data_dir = folder + "/broker",
                                    .durability = {.mode = kafka::broker::DurabilityMode::kMemory},
                                    .retention_bytes = kLogBytes,
                                    .keep_unread = true},
                                   files, context.clock, context.log);
  if (!broker) return std::move(broker).error();
  kafka::ClientSettings client;
  client.brokers = {(*broker)->address()};
  kafka::Admin admin(client, context.clock, context.log);
  if (auto topic = admin.ensure_topic({.name = kTopic, .partitions = kPartitions}); !topic)
    return std::move(topic).error();

  auto sink = SqliteSink::open(folder + "/bench.db", {.store = store}, context.clock, context.log);
  if (!sink) return std::move(sink).error();
  PipelineParts parts{.make_source =
                          [&](kafka::AssignmentListener& listener) {
                            kafka::ConsumerSettings consumer;
                            consumer.topic = kTopic;
                            consumer.group = kGroup;
                            return kafka::make_direct_source(client, consumer, listener,
                                                             context.clock, context.log);
                          },
                      .sinks = one(std::move(*sink))};
  auto pipeline = Pipeline::start({.cluster_id = (*broker)->cluster_id()}, std::move(parts),
                                  context.clock, context.log);
  if (!pipeline) return std::move(pipeline).error();

  // The broker keeps what the group has not read, once it knows of the group.
  for (const Nanos until = context.clock.now() + 5 * kSecond; context.clock.now() < until;) {
    const auto committed = admin.group_committed(kGroup, kTopic);
    if (committed && committed->size() == static_cast<std::size_t>(kPartitions)) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }

  auto rig = StormRig::start({.brokers = {(*broker)->address()},
                              .topic = kTopic,
                              .duration = context.duration,
                              .schedule = schedule},
                             context.clock, context.log);
  if (!rig) return std::move(rig).error();
  const Account sent = (*rig)->finish();
  const Nanos until = context.clock.now() + kCatchUpMax;
  while ((*pipeline)->account().stored < sent.acknowledged && context.clock.now() < until)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  (*pipeline)->stop();
  const PipelineAccount stored = (*pipeline)->account();
  if (stored.stored != sent.acknowledged || sent.acknowledged != sent.enqueued)
    return Error{.message = fmt::format("{} were sent, {} acknowledged and {} stored",
                                        sent.enqueued, sent.acknowledged, stored.stored)};
  const double seconds = static_cast<double>(stored.last_store - sent.first_intended) / 1e9;
  return Whole{static_cast<double>(stored.stored) / seconds,
               static_cast<double>(sent.bytes) / seconds,
               static_cast<double>(stored.stored_us.quantile(0.99)) / 1000};
}

struct Way {
  const char* name;
  StoreAs store;
  Schedule schedule;
  const char* conditions;
};

}  // namespace

Result<std::vector<BenchRow>> bench_end_to_end(const BenchContext& context) {
  const Way ways[] = {{"rollup, flat out", StoreAs::kRollup, Schedule::flat_out(),
                       "storm, broker (memory, 1 GiB, nothing unread dropped), pipeline and SQLite "
                       "in one process; acks 1; every record counted"},
                      {"raw rows, flat out", StoreAs::kRaw, Schedule::flat_out(),
                       "the same with a row a record, synchronous=normal"},
                      {"rollup, paced at 1 M/s", StoreAs::kRollup, Schedule::steady(1e6),
                       "the same, open loop at 1 M/s"}};
  std::vector<BenchRow> rows;
  std::vector<double> references;
  for (const Way& way : ways) {
    std::vector<double> rates, ratios, latencies;
    for (int run = 0; run < context.runs; ++run) {
      const std::string folder = fmt::format("{}/end-to-end", context.folder);
      std::error_code ignored;
      std::filesystem::remove_all(folder, ignored);
      std::filesystem::create_directories(folder, ignored);
      auto whole = run_whole(context, way.store, way.schedule, folder);
      if (!whole) return std::move(whole).error();
      std::filesystem::remove_all(folder, ignored);
      auto raw = loopback_bandwidth({.duration = context.duration / 2}, context.clock);
      if (!raw) return std::move(raw).error();
      rates.push_back(whole->records_per_second / 1e6);
      ratios.push_back(whole->bytes_per_second / *raw);
      latencies.push_back(whole->latency_p99_ms);
      references.push_back(*raw / 1e9);
    }
    rows.push_back(row_of(way.name, "M records/s", rates, way.conditions));
    if (way.schedule.is_flat_out())
      rows.push_back(row_of(std::string(way.name) + " / loopback", "ratio", ratios,
                            "bytes sent, raw loopback in the same run"));
    else
      rows.push_back(row_of("generated to stored, p99", "ms", latencies,
                            "from the record's own timestamp; goal <= 20"));
  }
  rows.push_back(
      row_of("raw loopback", "GB/s", references, "reference: 1 connection, 1 MiB writes"));
  return rows;
}

}  // namespace ds
