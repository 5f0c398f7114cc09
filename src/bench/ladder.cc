// The old system's ladder, each rung as it produced: with its settings, but as fast as it goes, for
// the old pace of a batch a millisecond lies above what any rung could send. Brokers are processes
// of their own, so that the processor time is the producer's.
#include <filesystem>

#include "bench/kafka_yard.h"
#include "bench/own_program.h"
#include "bench/storm_rig.h"
#include "bench/suite.h"
#include "kafka/client/admin.h"

namespace ds {
namespace {

constexpr std::uint64_t kLogBytes = 1u << 30;
constexpr int kWindows = 10;

struct Target {
  std::string name;
  std::vector<Address> brokers;
  std::string durability;
  int nodes = 1;
};

struct Rung {
  std::vector<double> rates, bytes, share, instability, cpu;
  double record_bytes = 0;
};

Status climb(const BenchContext& context, const Target& target, const Preset& preset, Rung& rung) {
  kafka::ClientSettings client;
  client.brokers = target.brokers;
  kafka::Admin admin(client, context.clock, context.log);
  StormRigSettings rig = rig_of(preset);
  rig.brokers = target.brokers;
  rig.topic = fmt::format("datastorm-ladder-{}", context.clock.now());
  rig.duration = context.duration;
  rig.time_filling = true;
  auto configs = KafkaYard::brief_topic();
  configs["max.message.bytes"] = std::to_string(rig.batch_bytes + 12);
  if (auto made = admin.ensure_topic(
          {.name = rig.topic, .partitions = rig.partitions, .configs = std::move(configs)});
      !made)
    return std::move(made).error();
  auto stormed = storm(rig, context.clock, context.log, context.duration / kWindows);
  if (!stormed)
    return std::move(stormed).error().while_trying(
        fmt::format("produce as {} into {}", preset.name, target.name));
  rung.rates.push_back(stormed->records_per_second);
  rung.bytes.push_back(stormed->bytes_per_second / 1e6);
  rung.share.push_back(100 * stormed->fill_seconds / std::max(1e-9, stormed->cpu_seconds));
  rung.cpu.push_back(100 * stormed->cpu_seconds / stormed->seconds);
  rung.instability.push_back(100 * stormed->instability());
  rung.record_bytes = stormed->record_bytes;
  return admin.delete_topic(rig.topic);
}

void add_rung(const Target& target, const Preset& preset, const Rung& rung,
              std::vector<BenchRow>& rows) {
  const StormRigSettings rig = rig_of(preset);
  const Conditions conditions{
      .record_bytes = rung.record_bytes,
      .acks = "1",
      .codec = rig.compression,
      .durability = target.durability,
      .engine = std::string(preset.at("engine")),
      .more = fmt::format("{}; {}; {} threads, {} partitions, {} broker{}", preset.about,
                          target.name, rig.threads == 0 ? StormRig::threads() : rig.threads,
                          rig.partitions, target.nodes, target.nodes == 1 ? "" : "s")};
  const std::string name = fmt::format("{} into {}", preset.name, target.name);
  rows.push_back(row_of(name, "records/s", rung.rates, conditions));
  rows.push_back(row_of(name + ", bandwidth", "MB/s", rung.bytes, conditions));
  rows.push_back(row_of(name + ", encoding's share", "% of CPU", rung.share, conditions));
  rows.push_back(row_of(name + ", CPU", "% of a core", rung.cpu, conditions));
  rows.push_back(row_of(name + ", stability", "% spread", rung.instability,
                        conditions.to_string() + fmt::format("; (max - min) / median of {} windows "
                                                             "in a run",
                                                             kWindows)));
}

/// All rungs that are meant for so many brokers, in turns.
Status climb_all(const BenchContext& context, const Target& target,
                 std::span<const std::string_view> names, std::vector<BenchRow>& rows) {
  std::vector<Rung> rungs(names.size());
  for (int run = 0; run < context.runs; ++run)
    for (std::size_t i = 0; i < names.size(); ++i)
      if (Status done = climb(context, target, *find_preset(names[i]), rungs[i]); !done)
        return done;
  for (std::size_t i = 0; i < names.size(); ++i)
    add_rung(target, *find_preset(names[i]), rungs[i], rows);
  return Done{};
}

}  // namespace

Rows bench_ladder(const BenchContext& context) {
  constexpr std::string_view kAll[] = {"v0", "v1", "v2", "v3", "v4", "v5"};
  constexpr std::string_view kOne[] = {"v0", "v1", "v2", "v5"};
  constexpr std::string_view kFour[] = {"v3", "v4", "v5"};
  std::vector<BenchRow> rows;
  if (context.brokers.empty()) {
    auto broker = ServedBroker::start(
        context.folder + "/ladder",
        {"--durability", "cache", "--retention-bytes", std::to_string(kLogBytes)});
    if (!broker) return std::move(broker).error();
    const Target target{"the embedded broker", (*broker)->brokers(), "cache"};
    if (Status done = climb_all(context, target, kAll, rows); !done) return std::move(done).error();
  }
  std::error_code ignored;
  std::filesystem::remove_all(context.folder + "/ladder", ignored);
  if (const std::string& why = context.yard.why_not(); !why.empty()) {
    rows.push_back(skipped_row("into Apache Kafka", why));
    return rows;
  }
  for (const int nodes : {1, 4}) {
    auto place = context.yard.cluster(nodes);
    if (!place) return std::move(place).error();
    const bool theirs = !context.brokers.empty();
    const Target target{theirs ? "the cluster given" : fmt::format("Apache Kafka ({})", nodes),
                        (*place)->brokers, "Apache Kafka's page cache", nodes};
    Status done = theirs       ? climb_all(context, target, kAll, rows)
                  : nodes == 1 ? climb_all(context, target, kOne, rows)
                               : climb_all(context, target, kFour, rows);
    if (!done) return std::move(done).error();
    if (theirs) break;
    if (nodes == 4) context.yard.let_go(4);
  }
  return rows;
}

}  // namespace ds
