// P4: how fast records go into Apache Kafka from our storm, from a probe that only resends, from
// librdkafka and from Kafka's own producer: the same broker, record size, acks, codec and topic, in
// turns. Every count is held against what the log's end offsets have grown by.
#include <cstdlib>
#include <fstream>
#include <functional>
#include <numeric>

#include "base/random.h"
#include "bench/kafka_yard.h"
#include "bench/own_program.h"
#include "bench/read_back.h"
#include "bench/real_kafka.h"
#include "bench/resend_probe.h"
#include "bench/storm_rig.h"
#include "bench/suite.h"
#include "kafka/client/admin.h"
#include "kafka/client/rdkafka/rdkafka_outlet.h"
#include "kafka/wire/record_batch.h"

namespace ds {
namespace {

constexpr std::int32_t kPartitions = 32;
constexpr std::uint64_t kBatch = 8000;
// Kafka serves a connection one request at a time: eight with two each keep it busiest.
constexpr int kConnections = 8, kInFlight = 2;
constexpr std::uint64_t kPerfRecords = 3'000'000;  // in turns of two seconds
constexpr std::uint64_t kKcatRecords = 2'000'000;

struct Turn {
  std::uint64_t records = 0;  // acknowledged
  double records_per_second = 0;
  double cpu_ns_per_record = 0;
};

/// One row's values over the runs.
struct Peer {
  std::vector<double> rates, cpu;
  void add(const Turn& turn) {
    rates.push_back(turn.records_per_second / 1e6);
    cpu.push_back(turn.cpu_ns_per_record);
  }
};

/// Everything that the turns share.
class Field {
 public:
  static Result<std::unique_ptr<Field>> open(const BenchContext& context, const KafkaPlace& place);
  ~Field() {
    for (const std::string& topic : {kept_, read_back_}) [[maybe_unused]]
      const Status gone = admin_.delete_topic(topic);
  }

  Result<Turn> storm(Engine engine, Nanos duration, std::uint64_t total = 0) {
    return storm_into(kept_, engine, duration, total);
  }
  Result<Turn> probe();
  Result<Turn> perf_test();
  /// From a file's lines, start and end of the process included.
  Result<Turn> kcat_produce();
  /// Fills the topic that read() reads.
  Status prepare_reading();
  Result<double> read();
  /// The same topic by Kafka's own consumer and by kcat: records a second.
  Result<double> perf_read();
  Result<double> kcat_read();

  const KafkaPlace& place() const { return place_; }
  double value_bytes() const { return value_bytes_; }
  double record_bytes() const { return static_cast<double>(batch_.size()) / kBatch; }

 private:
  Field(const BenchContext& context, const KafkaPlace& place);
  void make_batch();
  void write_payloads() const;
  Result<std::uint64_t> log_end(const std::string& topic);
  Result<Turn> storm_into(const std::string& topic, Engine engine, Nanos duration,
                          std::uint64_t total);
  /// Runs `produce` and holds what it says was acknowledged against the log.
  Result<Turn> confirmed(const std::string& topic, std::string_view who,
                         const std::function<Result<Turn>()>& produce);

  const BenchContext& context_;
  const KafkaPlace& place_;
  const std::vector<Address> brokers_;
  const std::string payload_file_;
  const std::string kept_ = fmt::format("datastorm-bench-{}", context_.clock.wall_ms());
  const std::string read_back_ = kept_ + "-read";
  kafka::ClientSettings client_;
  kafka::Admin admin_;
  ByteVec batch_;
  double value_bytes_ = 0;
  double jvm_cpu_seconds_ = -1;  // of a perf-test that sends one record
};

Field::Field(const BenchContext& context, const KafkaPlace& place)
    : context_(context),
      place_(place),
      brokers_(place.brokers),
      payload_file_(place.folder + "/payloads.txt"),
      client_{.brokers = brokers_},
      admin_(client_, context.clock, context.log) {}

Result<std::unique_ptr<Field>> Field::open(const BenchContext& context, const KafkaPlace& place) {
  std::unique_ptr<Field> field(new Field(context, place));
  auto made = field->admin_.ensure_topic(
      {.name = field->kept_, .partitions = kPartitions, .configs = KafkaYard::brief_topic()});
  if (!made) return std::move(made).error();
  field->make_batch();
  field->write_payloads();
  return field;
}

void Field::make_batch() {
  const TweetGenerator generator(TweetSettings{});
  const MixBook mixes(usual_mix());
  TweetFiller filler({.run = 1}, generator, mixes);
  batch_.resize(1'048'576);
  const Filled filled =
      filler.fill({.count = kBatch, .timestamp_ms = context_.clock.wall_ms()}, batch_);
  batch_.resize(filled.bytes);
  ByteVec scratch;
  const auto header = kafka::BatchHeader::read(batch_);
  kafka::RecordReader records({*header, batch_}, scratch);
  while (const auto record = records.next())
    value_bytes_ += static_cast<double>(record->value->size()) / kBatch;
}

/// Text of the tweets' length: the perf-test takes no binary payloads, and making its own is not
/// what we want to measure.
void Field::write_payloads() const {
  std::ofstream file(payload_file_);
  Random random(1);
  for (int line = 0; line < 1000; ++line) {
    std::string text(static_cast<std::size_t>(value_bytes_ + 0.5), ' ');
    for (char& letter : text) letter = static_cast<char>('a' + random.below(26));
    file << text << '\n';
  }
}

Result<std::uint64_t> Field::log_end(const std::string& topic) {
  const auto ends = admin_.end_offsets(topic);
  if (!ends) return ends.error();
  std::uint64_t sum = 0;
  for (const auto& [partition, end] : *ends) sum += static_cast<std::uint64_t>(end);
  return sum;
}

Result<Turn> Field::confirmed(const std::string& topic, std::string_view who,
                              const std::function<Result<Turn>()>& produce) {
  const auto before = log_end(topic);
  if (!before) return before.error();
  auto turn = produce();
  if (!turn) return std::move(turn).error().while_trying(fmt::format("produce by {}", who));
  const auto after = log_end(topic);
  if (!after) return after.error();
  if (*after - *before != turn->records)
    return Error{.message = fmt::format("{}: {} records were acknowledged, but the log grew by {}",
                                        who, turn->records, *after - *before)};
  return turn;
}

Result<Turn> Field::storm_into(const std::string& topic, Engine engine, Nanos duration,
                               std::uint64_t total) {
  const auto who = engine == Engine::kDirect ? "the storm" : "librdkafka";
  return confirmed(topic, who, [&]() -> Result<Turn> {
    auto stormed = ds::storm({.engine = engine,
                              .brokers = brokers_,
                              .topic = topic,
                              .partitions = kPartitions,
                              .connections = kConnections,
                              .in_flight = engine == Engine::kDirect ? kInFlight : 5,
                              .total = total,
                              .duration = duration},
                             context_.clock, context_.log);
    if (!stormed) return std::move(stormed).error();
    return Turn{stormed->account.acknowledged, stormed->records_per_second,
                stormed->cpu_seconds * 1e9 / static_cast<double>(stormed->account.acknowledged)};
  });
}

Result<Turn> Field::probe() {
  return confirmed(kept_, "the probe", [&]() -> Result<Turn> {
    const double cpu = own_cpu_seconds();
    auto resent = resend({.brokers = brokers_,
                          .topic = kept_,
                          .connections = kConnections,
                          .in_flight = kInFlight,
                          .duration = context_.duration},
                         batch_, context_.clock, context_.log);
    if (!resent) return std::move(resent).error();
    const std::uint64_t acknowledged = resent->batches * kBatch;
    const auto records = static_cast<double>(acknowledged);
    return Turn{acknowledged, records / resent->seconds, (own_cpu_seconds() - cpu) * 1e9 / records};
  });
}

Result<Turn> Field::perf_test() {
  PerfTestSettings settings{.script = context_.kafka_script,
                            .brokers = brokers_,
                            .topic = kept_,
                            .payload_file = payload_file_};
  const auto run = [&](std::uint64_t records, std::uint64_t warm_up, double free_cpu) {
    settings.records = records;
    settings.warm_up = warm_up;
    return confirmed(kept_, "kafka-producer-perf-test", [&]() -> Result<Turn> {
      auto tested = run_perf_test(settings);
      if (!tested) return std::move(tested).error();
      return Turn{records, tested->records_per_second,
                  (tested->cpu_seconds - free_cpu) * 1e9 / static_cast<double>(records)};
    });
  };
  if (jvm_cpu_seconds_ < 0) {
    auto one = run(1, 0, 0);
    if (!one) return one;
    jvm_cpu_seconds_ = one->cpu_ns_per_record / 1e9;
  }
  const std::uint64_t records = context_.scaled(kPerfRecords);
  return run(records, records / 3, jvm_cpu_seconds_);
}

Result<Turn> Field::kcat_produce() {
  const std::uint64_t records = context_.scaled(kKcatRecords);
  return confirmed(kept_, "kcat", [&]() -> Result<Turn> {
    auto tested = run_kcat(
        "i=0; while [ $i -lt \"$4\" ]; do cat \"$3\"; i=$((i + 1)); done | head -n \"$5\" | "
        "kcat -q -P -b \"$1\" -t \"$2\" -p -1 -X acks=1 -X batch.size=131072 -X linger.ms=5 "
        "-X queue.buffering.max.messages=1000000",
        {joined(brokers_), kept_, payload_file_, std::to_string(records / 1000 + 1),
         std::to_string(records)},
        context_.clock);
    if (!tested) return std::move(tested).error();
    return Turn{records, static_cast<double>(records) / tested->seconds,
                tested->cpu_seconds * 1e9 / static_cast<double>(records)};
  });
}

Result<double> Field::perf_read() {
  const auto stored = log_end(read_back_);
  if (!stored) return stored.error();
  auto tested = run_consumer_perf_test(context_.kafka_script, brokers_, read_back_, *stored);
  if (!tested) return tested;
  return *tested;
}

Result<double> Field::kcat_read() {
  const auto stored = log_end(read_back_);
  if (!stored) return stored.error();
  auto tested =
      run_kcat("kcat -q -C -b \"$1\" -t \"$2\" -o beginning -e -f . -X check.crcs=false | wc -c",
               {joined(brokers_), read_back_}, context_.clock);
  if (!tested) return std::move(tested).error();
  if (tested->last_line != std::to_string(*stored))
    return Error{.message = fmt::format("{} records are stored, but kcat read {}", *stored,
                                        tested->last_line)};
  return static_cast<double>(*stored) / tested->seconds;
}

Status Field::prepare_reading() {
  auto made = admin_.ensure_topic({.name = read_back_,
                                   .partitions = kPartitions,
                                   .configs = {{"retention.bytes", "-1"}, {"retention.ms", "-1"}}});
  if (!made) return std::move(made).error();
  auto filled = storm_into(read_back_, Engine::kDirect, context_.duration, 0);
  if (!filled) return std::move(filled).error();
  return Done{};
}

Result<double> Field::read() {
  auto read = ds::read_back(brokers_, read_back_, context_.clock, context_.log);
  if (!read) return std::move(read).error();
  return static_cast<double>(read->records) / read->seconds;
}

struct Figures {
  Peer ours, probe, librdkafka, perf_test, kcat;
  std::vector<double> reads, perf_reads, kcat_reads;
};

std::vector<BenchRow> rows_of(const Figures& figures, const Field& field, bool kcat) {
  const KafkaPlace& place = field.place();
  const auto conditions = [&](const char* engine, std::string more) {
    return Conditions{.record_bytes = field.record_bytes(),
                      .acks = "1",
                      .codec = "none",
                      .durability = "Apache Kafka's page cache",
                      .engine = engine,
                      .more = std::move(more)}
        .to_string();
  };
  const std::string shared = fmt::format(
      "same machine, {} partitions, one producing thread or process; after {} M records of "
      "warm-up; "
      "confirmed by end offsets",
      kPartitions, place.warmed_up_with / 1'000'000);
  const std::string batches = fmt::format("{} connections, {} in flight, batches of {} tweets",
                                          kConnections, kInFlight, kBatch);
  const Peer &ours = figures.ours, &probe = figures.probe, &librdkafka = figures.librdkafka,
             &perf_test = figures.perf_test;
  const std::string direct = conditions("direct", shared + "; " + batches);
  std::vector<BenchRow> rows{
      row_of("storm", "M records/s", ours.rates, direct),
      row_of("storm, client CPU", "ns/record", ours.cpu, direct),
      row_of("resending probe", "M records/s", probe.rates,
             conditions("probe", "one prebuilt batch again and again; " + batches)),
      row_of("resending probe, client CPU", "ns/record", probe.cpu,
             conditions("probe", "one prebuilt batch again and again")),
      row_of("storm / probe", "ratio", ratios(ours.rates, probe.rates), direct)
          .with_goal("P4", true, 0.9),
      row_of("librdkafka", "M records/s", librdkafka.rates,
             conditions("librdkafka",
                        "the same storm; batch.size 131072, linger 5 ms, rd_kafka_produce_batch "
                        "without copies, delivery reports")),
      row_of("librdkafka, client CPU", "ns/record", librdkafka.cpu,
             conditions("librdkafka", "this process")),
      row_of("storm / librdkafka", "ratio", ratios(ours.rates, librdkafka.rates), direct)
          .with_goal("P4", true, 4)};
  if (place.tools_missing.empty()) {
    const std::string theirs = conditions(
        "kafka-producer-perf-test",
        fmt::format(
            "payloads of {:.0f} B from a file; enable.idempotence=false, batch.size 131072, "
            "linger 5 ms; the rate without its first third",
            field.value_bytes()));
    rows.push_back(row_of("kafka-producer-perf-test", "M records/s", perf_test.rates, theirs));
    rows.push_back(row_of("kafka-producer-perf-test, CPU", "ns/record", perf_test.cpu,
                          theirs + "; the process, less what one of a single record takes"));
    rows.push_back(row_of("storm / perf-test", "ratio", ratios(ours.rates, perf_test.rates), direct)
                       .with_goal("P4", true, 8));
    rows.push_back(row_of("CPU storm / perf-test", "ratio", ratios(ours.cpu, perf_test.cpu),
                          direct + "; client CPU per record")
                       .with_goal("P4", false, 0.05));
  } else {
    rows.push_back(skipped_row("kafka-producer-perf-test", place.tools_missing));
  }
  if (kcat)
    rows.push_back(row_of("kcat, producing", "M records/s", figures.kcat.rates,
                          conditions("kcat",
                                     "lines of a file; batch.size 131072, linger 5 ms; "
                                     "the whole process")));
  else
    rows.push_back(skipped_row("kcat", "kcat is not installed"));
  const std::string reading =
      conditions("direct", "read back whole, 2 connections, batch headers walked; page cache");
  rows.push_back(row_of("fetch", "M records/s", figures.reads, reading));
  if (place.tools_missing.empty()) {
    rows.push_back(row_of("kafka-consumer-perf-test", "M records/s", figures.perf_reads,
                          conditions("kafka-consumer-perf-test",
                                     "the same topic; its fetch.nMsg.sec, start and rebalance "
                                     "left out")));
    rows.push_back(row_of("fetch / consumer-perf-test", "ratio",
                          ratios(figures.reads, figures.perf_reads), reading));
  } else {
    rows.push_back(skipped_row("kafka-consumer-perf-test", place.tools_missing));
  }
  if (kcat)
    rows.push_back(row_of("kcat, consuming", "M records/s", figures.kcat_reads,
                          conditions("kcat", "the same topic; the whole process")));
  return rows;
}

bool have_kcat() {
  auto child = Child::start("command -v kcat >/dev/null", {});
  return child && (*child)->wait().exit_code == 0;
}

}  // namespace

Rows bench_peers(const BenchContext& context) {
  if (const std::string& why = context.yard.why_not(); !why.empty())
    return std::vector<BenchRow>{skipped_row("into Apache Kafka", why)};
  auto place = context.yard.cluster(1);
  if (!place) return std::move(place).error();
  auto opened = Field::open(context, **place);
  if (!opened) return std::move(opened).error();
  Field& field = **opened;
  if (Status ready = field.prepare_reading(); !ready) return ready.error();
  const bool tools = (*place)->tools_missing.empty(), kcat = have_kcat();

  Figures figures;
  const auto add = [](Peer& peer, Result<Turn> turn) -> Status {
    if (!turn) return std::move(turn).error();
    peer.add(*turn);
    return Done{};
  };
  const auto add_rate = [](std::vector<double>& rates, Result<double> rate) -> Status {
    if (!rate) return std::move(rate).error();
    rates.push_back(*rate / 1e6);
    return Done{};
  };
  for (int run = 0; run < context.runs; ++run) {
    Status done = add(figures.ours, field.storm(Engine::kDirect, context.duration));
    if (done) done = add(figures.probe, field.probe());
    if (done) done = add(figures.librdkafka, field.storm(Engine::kRdkafka, context.duration));
    if (done && tools) done = add(figures.perf_test, field.perf_test());
    if (done && kcat) done = add(figures.kcat, field.kcat_produce());
    if (done) done = add_rate(figures.reads, field.read());
    if (done && tools) done = add_rate(figures.perf_reads, field.perf_read());
    if (done && kcat) done = add_rate(figures.kcat_reads, field.kcat_read());
    if (!done) return std::move(done).error();
  }
  return rows_of(figures, field, kcat);
}

}  // namespace ds
