// Tables of one knob each, into an embedded broker that is a process of its own: compression,
// workers, batch size; and a soak at one setting.
#include <filesystem>

#include "bench/adaptive_outlet.h"
#include "bench/own_program.h"
#include "bench/storm_rig.h"
#include "bench/suite.h"

namespace ds {
namespace {

constexpr std::uint64_t kLogBytes = 1u << 30;
constexpr std::size_t kMegabyte = 1u << 20;

struct Table {
  std::vector<double> rates, bytes, cpu, p50, p99, memory, instability;
  double record_bytes = 0;

  void add(const Stormed& stormed) {
    rates.push_back(stormed.records_per_second / 1e6);
    bytes.push_back(stormed.bytes_per_second / 1e6);
    cpu.push_back(100 * stormed.cpu_seconds / stormed.seconds);
    p50.push_back(static_cast<double>(stormed.latency_us.quantile(0.5)) / 1000);
    p99.push_back(static_cast<double>(stormed.latency_us.quantile(0.99)) / 1000);
    instability.push_back(100 * stormed.instability());
    record_bytes = stormed.record_bytes;
  }
  void tell(const std::string& name, const Conditions& conditions,
            std::vector<BenchRow>& rows) const {
    rows.push_back(row_of(name, "M records/s", rates, conditions));
    rows.push_back(row_of(name + ", bandwidth", "MB/s", bytes, conditions));
    rows.push_back(row_of(name + ", CPU", "% of a core", cpu, conditions));
    rows.push_back(row_of(name + ", latency p50", "ms", p50, conditions));
    rows.push_back(row_of(name + ", latency p99", "ms", p99, conditions));
  }
};

/// A broker for the length of a suite, in a folder that goes with it.
class Bench {
 public:
  static Result<std::unique_ptr<Bench>> open(const BenchContext& context, const char* name) {
    auto bench = std::make_unique<Bench>();
    bench->folder_ = fmt::format("{}/{}", context.folder, name);
    if (!context.brokers.empty()) {
      bench->brokers_ = context.brokers;
      return bench;
    }
    auto broker = ServedBroker::start(
        bench->folder_, {"--durability", "cache", "--retention-bytes", std::to_string(kLogBytes)});
    if (!broker) return std::move(broker).error();
    bench->broker_ = std::move(*broker);
    bench->brokers_ = bench->broker_->brokers();
    return bench;
  }
  ~Bench() {
    broker_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  const std::vector<Address>& brokers() const { return brokers_; }
  Conditions conditions(const StormRigSettings& rig, double record_bytes, std::string more) const {
    return {.record_bytes = record_bytes,
            .acks = "1",
            .codec = rig.compression,
            .durability = broker_ ? "cache" : "the broker's",
            .engine = rig.engine == Engine::kDirect ? "direct" : "librdkafka",
            .more = std::move(more)};
  }

 private:
  std::string folder_;
  std::unique_ptr<ServedBroker> broker_;
  std::vector<Address> brokers_;
};

}  // namespace

Rows bench_compression(const BenchContext& context) {
  auto bench = Bench::open(context, "compression");
  if (!bench) return std::move(bench).error();
  constexpr const char* kCodecs[] = {"none", "lz4", "snappy", "zstd", "gzip"};
  std::vector<Table> tables(std::size(kCodecs));
  StormRigSettings rig{.brokers = (*bench)->brokers(), .duration = context.duration};
  for (int run = 0; run < context.runs; ++run)
    for (std::size_t i = 0; i < tables.size(); ++i) {
      rig.compression = kCodecs[i];
      auto stormed = storm(rig, context.clock, context.log);
      if (!stormed) return std::move(stormed).error();
      tables[i].add(*stormed);
    }
  std::vector<BenchRow> rows;
  for (std::size_t i = 0; i < tables.size(); ++i) {
    rig.compression = kCodecs[i];
    tables[i].tell(kCodecs[i],
                   (*bench)->conditions(rig, tables[i].record_bytes,
                                        fmt::format("flat out, {} thread(s), batches of 1 MiB "
                                                    "before compression; bytes as sent",
                                                    StormRig::threads())),
                   rows);
  }
  return rows;
}

Rows bench_workers(const BenchContext& context) {
  auto bench = Bench::open(context, "workers");
  if (!bench) return std::move(bench).error();
  constexpr int kThreads[] = {1, 2, 4, 8, 16};
  std::vector<Table> tables(std::size(kThreads));
  StormRigSettings rig{.brokers = (*bench)->brokers(),
                       .duration = context.duration,
                       .batch_size = 128'000,
                       .batch_bytes = 16 * kMegabyte,
                       .buffer_memory = 512 * kMegabyte};
  for (int run = 0; run < context.runs; ++run)
    for (std::size_t i = 0; i < tables.size(); ++i) {
      rig.threads = kThreads[i];
      auto stormed = storm(rig, context.clock, context.log);
      if (!stormed) return std::move(stormed).error();
      tables[i].add(*stormed);
    }
  std::vector<BenchRow> rows;
  for (std::size_t i = 0; i < tables.size(); ++i)
    tables[i].tell(fmt::format("{} workers", kThreads[i]),
                   (*bench)->conditions(rig, tables[i].record_bytes,
                                        "flat out, batches of 16 MB, a thread each, as the old "
                                        "system's table had them; `produce` would use no more "
                                        "threads than cores"),
                   rows);
  return rows;
}

namespace {

/// `produce` as a process of its own, for its memory.
Status produce_in(const BenchContext& context, const Bench& bench, std::size_t megabytes,
                  Table& table) {
  auto part = Part::start(
      {.arguments = {"produce", "--brokers", joined(bench.brokers()), "--topic",
                     fmt::format("batch-{}", megabytes), "--workers", "8", "--batch-bytes",
                     std::to_string(megabytes * kMegabyte), "--batch-size",
                     std::to_string(8000 * megabytes), "--total", "0", "--duration",
                     fmt::format("{}ms", context.duration / kMillisecond), "--json", "--quiet"}});
  if (!part) return std::move(part).error();
  const Part::Ended ended = (*part)->finish();
  if (ended.exit_code != 0)
    return Error{.message =
                     fmt::format("produce ended with {}: {}", ended.exit_code, ended.last_line)};
  const auto rate = json_number(ended.last_line, "rate_avg");
  const auto size = json_number(ended.last_line, "bytes_per_record");
  if (!rate || !size) return rate ? size.error() : rate.error();
  table.rates.push_back(*rate / 1e6);
  table.memory.push_back((*part)->rss_mib());
  table.record_bytes = *size;
  return Done{};
}

}  // namespace

Rows bench_batch_size(const BenchContext& context) {
  auto bench = Bench::open(context, "batch-size");
  if (!bench) return std::move(bench).error();
  constexpr std::size_t kSizes[] = {1, 4, 16};
  std::vector<Table> tables(std::size(kSizes));
  Table fixed, adaptive;
  StormRigSettings rig{.brokers = (*bench)->brokers(), .duration = context.duration};
  for (int run = 0; run < context.runs; ++run) {
    for (std::size_t i = 0; i < tables.size(); ++i)
      if (Status done = produce_in(context, **bench, kSizes[i], tables[i]); !done)
        return std::move(done).error();
    rig.wrap_outlet = {};
    auto stormed = storm(rig, context.clock, context.log, context.duration / 10);
    if (!stormed) return std::move(stormed).error();
    fixed.add(*stormed);
    rig.wrap_outlet = [&](std::unique_ptr<kafka::Outlet> outlet) {
      return std::make_unique<AdaptiveOutlet>(std::move(outlet), context.clock);
    };
    stormed = storm(rig, context.clock, context.log, context.duration / 10);
    if (!stormed) return std::move(stormed).error();
    adaptive.add(*stormed);
  }
  std::vector<BenchRow> rows;
  for (std::size_t i = 0; i < tables.size(); ++i) {
    const Conditions conditions = (*bench)->conditions(
        rig, tables[i].record_bytes,
        "`datastorm produce --workers 8` as a process of its own, flat out, page cache apart");
    const std::string name = fmt::format("batches of {} MB", kSizes[i]);
    rows.push_back(row_of(name, "M records/s", tables[i].rates, conditions));
    rows.push_back(row_of(name + ", memory", "MiB", tables[i].memory, conditions)
                       .with_goal("P12", false, 256));
  }
  const Conditions still =
      (*bench)->conditions(rig, fixed.record_bytes, "flat out; spread over 10 windows of a run");
  for (const auto& [name, table] : {std::pair{"static 1 MiB", &fixed}, {"adaptive", &adaptive}}) {
    table->tell(name, still, rows);
    rows.push_back(
        row_of(fmt::format("{}, stability", name), "% spread", table->instability, still));
  }
  rows.push_back(row_of("adaptive / static", "ratio", ratios(adaptive.rates, fixed.rates), still));
  return rows;
}

Rows bench_soak(const BenchContext& context) {
  auto bench = Bench::open(context, "soak");
  if (!bench) return std::move(bench).error();
  const Nanos window = std::min(10 * kSecond, context.duration / 3);
  StormRigSettings rig{
      .brokers = (*bench)->brokers(), .duration = context.duration, .time_filling = true};
  std::vector<double> rates, share, cpu, instability;
  double record_bytes = 0;
  for (int run = 0; run < context.runs; ++run) {
    auto stormed = storm(rig, context.clock, context.log, window);
    if (!stormed) return std::move(stormed).error();
    for (const double rate : stormed->window_rates) rates.push_back(rate / 1e6);
    share.push_back(100 * stormed->fill_seconds / std::max(1e-9, stormed->cpu_seconds));
    cpu.push_back(100 * stormed->cpu_seconds / stormed->seconds);
    instability.push_back(100 * stormed->instability());
    record_bytes = stormed->record_bytes;
  }
  const Conditions conditions = (*bench)->conditions(
      rig, record_bytes,
      fmt::format(
          "flat out for {:.0f} s, windows of {:.1f} s; each window is a run of the first row",
          static_cast<double>(context.duration) / 1e9, static_cast<double>(window) / 1e9));
  return std::vector<BenchRow>{row_of("soak, windows", "M records/s", rates, conditions),
                               row_of("soak, stability", "% spread", instability, conditions),
                               row_of("soak, encoding's share", "% of CPU", share, conditions),
                               row_of("soak, CPU", "% of a core", cpu, conditions)};
}

}  // namespace ds
