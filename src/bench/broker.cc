// The embedded broker against the machine: loopback for what crosses it, a plain writer for what is
// brought to the disk, the clock for starting and recovering, and itself for how its costs grow.
#include <fcntl.h>
#include <unistd.h>

#include <filesystem>

#include "bench/counting_files.h"
#include "bench/fit.h"
#include "bench/loopback.h"
#include "bench/own_program.h"
#include "bench/read_back.h"
#include "bench/storm_rig.h"
#include "bench/suite.h"
#include "kafka/broker/broker.h"
#include "kafka/client/admin.h"

namespace ds {
namespace {

constexpr std::uint64_t kLogBytes = 1u << 30;

std::string fresh_folder(const BenchContext& context) {
  const std::string folder = context.folder + "/broker";
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
  return folder;
}

std::vector<std::string> cache_with_limit() {
  return {"--durability", "cache", "--retention-bytes", std::to_string(kLogBytes)};
}

Conditions with(const char* durability, double record_bytes, std::string more) {
  return {.record_bytes = record_bytes,
          .acks = "1",
          .codec = "none",
          .durability = durability,
          .engine = "direct",
          .more = std::move(more)};
}

// -- P3: what crosses loopback

/// Open loop: 100 K/s in batches of 20 ms, as `produce --rate 100k` makes them. Before anything
/// goes flat out, whose pages the disk would still be writing; in a topic whose segments have been
/// opened; and long enough that a hundredth is more than one batch.
Result<Stormed> at_an_even_rate(const std::vector<Address>& brokers, const BenchContext& context) {
  StormRigSettings rig{.brokers = brokers, .batch_size = 2000, .linger = 0};
  rig.schedule = Schedule::steady(100e3);
  rig.duration = kSecond;
  if (auto warm = storm(rig, context.clock, context.log); !warm) return warm;
  rig.duration = std::max(context.duration, 5 * kSecond);
  return storm(rig, context.clock, context.log);
}

Rows produce_and_fetch(const BenchContext& context) {
  std::vector<double> in, in_bytes, in_share, out, out_bytes, out_share, raw, wait;
  double record_bytes = 0;
  for (int run = 0; run < context.runs; ++run) {
    auto broker = ServedBroker::start(fresh_folder(context), cache_with_limit());
    if (!broker) return std::move(broker).error();
    auto paced = at_an_even_rate((*broker)->brokers(), context);
    if (!paced) return std::move(paced).error();
    StormRigSettings rig{.brokers = (*broker)->brokers(), .duration = context.duration};
    rig.duration = context.duration / 4;  // segments get used before they are measured
    if (auto warm = storm(rig, context.clock, context.log); !warm) return std::move(warm).error();
    rig.duration = context.duration;
    auto produced = storm(rig, context.clock, context.log);
    if (!produced) return std::move(produced).error();
    auto loopback = loopback_bandwidth({.duration = context.duration / 2}, context.clock);
    if (!loopback) return std::move(loopback).error();
    auto fetched = read_back((*broker)->brokers(), rig.topic, context.clock, context.log);
    if (!fetched) return std::move(fetched).error();

    record_bytes = produced->record_bytes;
    raw.push_back(*loopback / 1e9);
    in.push_back(produced->records_per_second / 1e6);
    in_bytes.push_back(produced->bytes_per_second / 1e9);
    in_share.push_back(produced->bytes_per_second / *loopback);
    const double rate = static_cast<double>(fetched->bytes) / fetched->seconds;
    out.push_back(static_cast<double>(fetched->records) / fetched->seconds / 1e6);
    out_bytes.push_back(rate / 1e9);
    out_share.push_back(rate / *loopback);
    wait.push_back(static_cast<double>(paced->latency_us.quantile(0.99)) / 1000);
  }
  const Conditions producing = with("cache", record_bytes,
                                    "broker a process of its own, log of 1 GiB that is used again, "
                                    "32 partitions, 4 connections, batches of 8000 tweets");
  const Conditions fetching =
      with("cache", record_bytes, "the same log read whole, 2 connections, batch headers walked");
  return std::vector<BenchRow>{
      row_of("produce", "M records/s", in, producing),
      row_of("produce, bytes", "GB/s", in_bytes, producing),
      row_of("raw loopback", "GB/s", raw, Conditions{.more = "1 connection, 1 MiB writes"}),
      row_of("produce / loopback", "ratio", in_share, producing).with_goal("P3", true, 0.5),
      row_of("fetch", "M records/s", out, fetching),
      row_of("fetch, bytes", "GB/s", out_bytes, fetching),
      row_of("fetch / loopback", "ratio", out_share, fetching).with_goal("P3", true, 0.6),
      row_of("produce at 100 K/s, p99", "ms", wait,
             with("cache", record_bytes,
                  "open loop, from the intended instant to the acknowledgement, batches of 2000"))
          .with_goal("S5", false, 5)};
}

// -- fdatasync

/// Writes as many bytes in one file, brought to the disk as often. Bytes a second.
Result<double> plain_writer(const std::string& path, std::uint64_t bytes, std::uint64_t syncs,
                            const Clock& clock) {
  const Fd fd(::open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600));
  const std::vector<char> chunk(1 << 20, 'x');
  const std::uint64_t each = std::max<std::uint64_t>(1, bytes / std::max<std::uint64_t>(1, syncs));
  std::uint64_t written = 0;
  const Nanos begun = clock.now();
  while (written < bytes) {
    for (std::uint64_t left = std::min(each, bytes - written); left > 0;) {
      const ssize_t n =
          ::write(fd.get(), chunk.data(), std::min<std::uint64_t>(left, chunk.size()));
      if (n <= 0) return Error{.code = ErrorCode::kStorage, .message = "the disk refused a write"};
      left -= static_cast<std::uint64_t>(n);
      written += static_cast<std::uint64_t>(n);
    }
    if (::fdatasync(fd.get()) != 0)
      return Error{.code = ErrorCode::kStorage, .message = "the disk refused a sync"};
  }
  const double rate = static_cast<double>(bytes) * 1e9 / static_cast<double>(clock.now() - begun);
  ::unlink(path.c_str());
  return rate;
}

Rows synced(const BenchContext& context) {
  std::vector<double> ours, plain, share;
  double record_bytes = 0;
  for (int run = 0; run < context.runs; ++run) {
    CountingFiles files;
    const std::string folder = fresh_folder(context);
    auto broker =
        kafka::broker::Broker::start({.listen = {"127.0.0.1", 0},
                                      .data_dir = folder,
                                      .durability = {.mode = kafka::broker::DurabilityMode::kSync}},
                                     files, context.clock, context.log);
    if (!broker) return std::move(broker).error();
    StormRigSettings rig{.brokers = {(*broker)->address()}, .duration = context.duration};
    kafka::ClientSettings client;
    client.brokers = rig.brokers;
    kafka::Admin admin(client, context.clock, context.log);
    if (auto made = admin.ensure_topic({.name = rig.topic}); !made) return std::move(made).error();
    const std::uint64_t before = files.counts().syncs.load();
    auto stormed = storm(rig, context.clock, context.log);
    if (!stormed) return std::move(stormed).error();
    const std::uint64_t syncs = files.counts().syncs.load() - before;
    auto reference = plain_writer(folder + "/plain", stormed->account.bytes, syncs, context.clock);
    if (!reference) return std::move(reference).error();
    ours.push_back(stormed->bytes_per_second / 1e6);
    plain.push_back(*reference / 1e6);
    share.push_back(stormed->bytes_per_second / *reference);
    record_bytes = stormed->record_bytes;
  }
  const Conditions conditions =
      with("sync", record_bytes, "32 partitions, flat out; fdatasync before the answer");
  return std::vector<BenchRow>{
      row_of("produce, synced", "MB/s", ours, conditions),
      row_of("plain writer", "MB/s", plain,
             with("sync", 0, "as many bytes into one file, with as many fdatasync between them")),
      row_of("synced / plain writer", "ratio", share, conditions).with_goal("S5", true, 0.7)};
}

// -- starting and recovering

Rows starts(const BenchContext& context) {
  std::vector<double> empty, recovery;
  const auto bytes_wanted = static_cast<double>(context.scaled(kLogBytes));
  double record_bytes = 0;
  for (int run = 0; run < context.runs; ++run) {
    const std::string folder = fresh_folder(context);
    Nanos begun = context.clock.now();
    auto broker = ServedBroker::start(folder, {"--durability", "cache"});
    if (!broker) return std::move(broker).error();
    empty.push_back(static_cast<double>(context.clock.now() - begun) / 1e6);

    StormRigSettings rig{.brokers = (*broker)->brokers()};
    rig.total = static_cast<std::uint64_t>(bytes_wanted / 128);
    auto filled = storm(rig, context.clock, context.log);
    if (!filled) return std::move(filled).error();
    (*broker)->part().kill();
    broker->reset();
    begun = context.clock.now();
    broker = ServedBroker::start(folder, {"--durability", "cache"});
    if (!broker) return std::move(broker).error().while_trying("start again after SIGKILL");
    const double seconds = static_cast<double>(context.clock.now() - begun) / 1e9;
    recovery.push_back(seconds / (static_cast<double>(filled->account.bytes) / (1u << 30)));
    auto there = read_back((*broker)->brokers(), rig.topic, context.clock, context.log);
    if (!there) return std::move(there).error();
    if (there->records != filled->account.acknowledged)
      return Error{.message = fmt::format("of {} acknowledged records {} came up again",
                                          filled->account.acknowledged, there->records)};
    record_bytes = filled->record_bytes;
  }
  return std::vector<BenchRow>{
      row_of("start, empty", "ms", empty,
             with("cache", 0, "from the process's start to its first readiness"))
          .with_goal("S5", false, 100),
      row_of("recovery", "s/GiB", recovery,
             with("cache", record_bytes,
                  fmt::format("after SIGKILL, {:.2f} GiB in 32 partitions, every record there",
                              bytes_wanted / (1u << 30))))
          .with_goal("S5", false, 2)};
}

// -- P13: growth

/// Processor time a record, of client and broker together, in nanoseconds.
Result<double> cost_of(const BenchContext& context, StormRigSettings rig) {
  auto broker = ServedBroker::start(fresh_folder(context), cache_with_limit());
  if (!broker) return std::move(broker).error();
  rig.brokers = (*broker)->brokers();
  kafka::ClientSettings client;
  client.brokers = rig.brokers;
  kafka::Admin admin(client, context.clock, context.log);
  if (auto made = admin.ensure_topic({.name = rig.topic, .partitions = rig.partitions}); !made)
    return std::move(made).error();
  rig.duration = context.duration / 4;
  if (auto warm = storm(rig, context.clock, context.log); !warm) return std::move(warm).error();
  rig.duration = context.duration / 2;
  const double before = (*broker)->part().cpu_seconds();
  auto stormed = storm(rig, context.clock, context.log);
  if (!stormed) return std::move(stormed).error();
  const double spent = stormed->cpu_seconds + (*broker)->part().cpu_seconds() - before;
  return spent * 1e9 / static_cast<double>(stormed->account.acknowledged);
}

Rows growth(const BenchContext& context) {
  constexpr std::size_t kSizes[] = {64, 256, 1024, 4096, 16384};
  std::vector<std::vector<double>> by_size(std::size(kSizes));
  std::vector<double> worst, partitions, brands;
  for (int run = 0; run < context.runs; ++run) {
    std::vector<SizeCost> costs;
    for (std::size_t i = 0; i < std::size(kSizes); ++i) {
      auto cost = cost_of(
          context, {.batch_size = std::clamp<std::uint64_t>((1u << 20) / kSizes[i], 64, 8000),
                    .payload = fmt::format("random:{}", kSizes[i])});
      if (!cost) return std::move(cost).error();
      costs.push_back({static_cast<double>(kSizes[i]), *cost});
      by_size[i].push_back(*cost);
    }
    worst.push_back(100 * fit_sizes(costs).worst);

    const auto few = cost_of(context, {.partitions = 32}),
               many = cost_of(context, {.partitions = 1024}),
               hundred = cost_of(context, {.brands = 100});
    for (const auto* each : {&few, &many, &hundred})
      if (!*each) return each->error();
    partitions.push_back(*many / *few);
    brands.push_back(*hundred / *few);
  }
  const auto conditions = [](std::string more) {
    return Conditions{.acks = "1",
                      .codec = "none",
                      .durability = "cache",
                      .engine = "direct",
                      .more = "processor time of producer and broker; " + std::move(more)};
  };
  std::vector<BenchRow> rows;
  for (std::size_t i = 0; i < std::size(kSizes); ++i)
    rows.push_back(row_of(fmt::format("a record of {} B", kSizes[i]), "ns CPU", by_size[i],
                          conditions("random bytes, 32 partitions")));
  rows.push_back(row_of("a·records + b·bytes, largest error", "%", worst,
                        conditions("least squares of the relative errors over the sizes above"))
                     .with_goal("P13", false, 20));
  rows.push_back(row_of("1024 partitions / 32", "ratio", partitions,
                        conditions("default tweets, batches of 8000"))
                     .with_goal("P13", false, 1.2));
  rows.push_back(row_of("100 brands / 1", "ratio", brands,
                        conditions("default tweets, 32 partitions, batches of 8000"))
                     .with_goal("P13", false, 1.2));
  return rows;
}

// -- P12: memory

/// Broker, producer and consumer as people run them, at full rate.
Rows memory(const BenchContext& context) {
  std::vector<double> broker_mib, produce_mib, consume_mib;
  const auto account = [](Part& part, const char* who) -> Status {
    const Part::Ended ended = part.stop();
    if (ended.exit_code == 0 || ended.exit_code == 130) return Done{};
    return Error{.message =
                     fmt::format("{} ended with {}: {}", who, ended.exit_code, ended.last_line)};
  };
  for (int run = 0; run < context.runs; ++run) {
    const std::string folder = fresh_folder(context);
    std::vector<std::string> more = cache_with_limit();
    more.push_back("--keep-unread");
    auto broker = ServedBroker::start(folder, more);
    if (!broker) return std::move(broker).error();
    const std::string brokers = joined((*broker)->brokers());
    auto producer = Part::start(
        {.arguments = {"produce", "--brokers", brokers, "--total", "0", "--duration",
                       fmt::format("{}ms", context.duration / kMillisecond), "--json", "--quiet"}});
    if (!producer) return std::move(producer).error();
    auto consumer = Part::start(
        {.arguments = {"consume", "--brokers", brokers, "--sink", "sqlite:" + folder + "/bench.db",
                       "--store", "rollup", "--json", "--quiet"}});
    if (!consumer) return std::move(consumer).error();
    const Part::Ended produced = (*producer)->finish();
    if (produced.exit_code != 0)
      return Error{.message = fmt::format("produce ended with {}: {}", produced.exit_code,
                                          produced.last_line)};
    if (Status done = account(**consumer, "consume"); !done) return std::move(done).error();
    broker_mib.push_back((*broker)->part().rss_mib());
    produce_mib.push_back((*producer)->rss_mib());
    consume_mib.push_back((*consumer)->rss_mib());
  }
  const auto conditions = [](const char* what) {
    return with("cache", 0,
                fmt::format("{}, a process of its own at full rate beside the two others; the most "
                            "anonymous memory seen, page cache apart",
                            what));
  };
  return std::vector<BenchRow>{
      row_of("memory of the broker", "MiB", broker_mib, conditions("`datastorm broker`"))
          .with_goal("P12", false, 256),
      row_of("memory of the producer", "MiB", produce_mib, conditions("`datastorm produce`"))
          .with_goal("P12", false, 256),
      row_of("memory of the consumer", "MiB", consume_mib,
             conditions("`datastorm consume`, rollups into SQLite"))
          .with_goal("P12", false, 256)};
}

}  // namespace

Rows bench_broker(const BenchContext& context) {
  std::vector<BenchRow> rows;
  for (const auto part : {produce_and_fetch, synced, starts, growth, memory})
    if (Status added = add_rows(rows, part(context)); !added) return std::move(added).error();
  std::error_code ignored;
  std::filesystem::remove_all(context.folder + "/broker", ignored);
  return rows;
}

}  // namespace ds
