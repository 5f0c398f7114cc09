// P4: how fast records go into Apache Kafka from our storm, from a probe that only resends, from
// librdkafka and from Kafka's own producer: the same broker, record size, acks, codec and topic, in
// turns. Every count is held against what the log's end offsets have grown by.
#include <cstdlib>
#include <fstream>
#include <functional>
#include <numeric>

#include "base/random.h"
#include "bench/real_kafka.h"
#include "bench/resend_probe.h"
#include "bench/storm_rig.h"
#include "bench/suite.h"
#include "kafka/client/admin.h"
#include "kafka/client/fetcher.h"
#include "kafka/client/rdkafka/rdkafka_outlet.h"
#include "kafka/wire/record_batch.h"

namespace ds {
namespace {

constexpr std::int32_t kPartitions = 32;
constexpr std::uint64_t kBatch = 8000;
// Kafka serves a connection one request at a time: eight with two each keep it busiest.
constexpr int kConnections = 8, kInFlight = 2;
// The first 100 to 200 M records measure the Java compiler, not Kafka.
constexpr std::uint64_t kWarmUpRecords = 120'000'000;
constexpr Nanos kWarmUpMax = 30 * kSecond;
constexpr Nanos kReadMax = 60 * kSecond;
constexpr std::uint64_t kPerfRecords = 3'000'000, kPerfWarmUp = 1'000'000;

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

std::vector<double> ratios(const std::vector<double>& ours, const std::vector<double>& theirs) {
  std::vector<double> all;
  for (std::size_t i = 0; i < ours.size(); ++i) all.push_back(ours[i] / theirs[i]);
  return all;
}

/// Everything that the turns share.
class Field {
 public:
  static Result<std::unique_ptr<Field>> open(const BenchContext& context,
                                             std::vector<Address> brokers, std::string folder);
  ~Field() {
    for (const std::string& topic : {kept_, read_back_}) [[maybe_unused]]
      const Status gone = admin_.delete_topic(topic);
  }

  Result<Turn> storm(Engine engine, Nanos duration, std::uint64_t total = 0) {
    return storm_into(kept_, engine, duration, total);
  }
  Result<Turn> probe();
  Result<Turn> perf_test();
  /// Fills the topic that read() reads.
  Status prepare_reading();
  Result<double> read();

  std::uint64_t warmed_up_with = 0;
  double value_bytes() const { return value_bytes_; }
  double record_bytes() const { return static_cast<double>(batch_.size()) / kBatch; }

 private:
  Field(const BenchContext& context, std::vector<Address> brokers, std::string folder);
  void make_batch();
  void write_payloads() const;
  Result<std::uint64_t> log_end(const std::string& topic);
  Result<Turn> storm_into(const std::string& topic, Engine engine, Nanos duration,
                          std::uint64_t total);
  /// Runs `produce` and holds what it says was acknowledged against the log.
  Result<Turn> confirmed(const std::string& topic, std::string_view who,
                         const std::function<Result<Turn>()>& produce);

  const BenchContext& context_;
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

Field::Field(const BenchContext& context, std::vector<Address> brokers, std::string folder)
    : context_(context),
      brokers_(std::move(brokers)),
      payload_file_(folder + "/payloads.txt"),
      client_{.brokers = brokers_},
      admin_(client_, context.clock, context.log) {}

Result<std::unique_ptr<Field>> Field::open(const BenchContext& context,
                                           std::vector<Address> brokers, std::string folder) {
  std::unique_ptr<Field> field(new Field(context, std::move(brokers), std::move(folder)));
  // Little is kept, so that the disk stays below 8 GB at a gigabyte a second.
  auto made = field->admin_.ensure_topic({.name = field->kept_,
                                          .partitions = kPartitions,
                                          .configs = {{"retention.bytes", "134217728"},
                                                      {"retention.ms", "-1"},
                                                      {"segment.bytes", "67108864"}}});
  if (!made) return std::move(made).error();
  field->make_batch();
  field->write_payloads();
  return field;
}

void Field::make_batch() {
  const TweetGenerator generator(TweetSettings{});
  const MixBook mixes(
      *Mix::fixed({50 * Percent::kOne}, {30 * Percent::kOne}, {20 * Percent::kOne}));
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
    const double cpu = own_cpu_seconds();
    auto rig = StormRig::start({.engine = engine,
                                .brokers = brokers_,
                                .topic = topic,
                                .partitions = kPartitions,
                                .connections = kConnections,
                                .in_flight = engine == Engine::kDirect ? kInFlight : 5,
                                .total = total,
                                .duration = duration},
                               context_.clock, context_.log);
    if (!rig) return std::move(rig).error();
    const Account account = (*rig)->finish();
    if (account.acknowledged == 0 || account.acknowledged != account.enqueued)
      return Error{.message = fmt::format("{} records were sent and {} acknowledged",
                                          account.enqueued, account.acknowledged)};
    const auto records = static_cast<double>(account.acknowledged);
    return Turn{account.acknowledged,
                records * 1e9 / static_cast<double>(account.last_delivery - account.first_intended),
                (own_cpu_seconds() - cpu) * 1e9 / records};
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
  return run(kPerfRecords, kPerfWarmUp, jvm_cpu_seconds_);
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

/// Every partition from its start.
class FromTheStart final : public kafka::AssignmentListener {
 public:
  std::map<kafka::TopicPartition, std::int64_t> on_assigned(const kafka::Assigned& given) override {
    std::map<kafka::TopicPartition, std::int64_t> starts;
    for (const auto& each : given.partitions) starts[each] = 0;
    return starts;
  }
  void on_revoked(const std::vector<kafka::TopicPartition>&) override {}
};

Result<double> Field::read() {
  const auto stored = log_end(read_back_);
  if (!stored) return stored.error();
  FromTheStart start;
  kafka::ConsumerSettings consumer;
  consumer.topic = read_back_;
  auto source = kafka::make_direct_source(client_, consumer, start, context_.clock, context_.log);
  if (!source) return std::move(source).error();
  std::uint64_t seen = 0;
  std::vector<kafka::Fetched> fetched;
  const Nanos begun = context_.clock.now();
  while (seen < *stored) {
    fetched.clear();
    if (Status polled = (*source)->poll(100 * kMillisecond, fetched); !polled)
      return polled.error();
    for (const kafka::Fetched& each : fetched)
      for (kafka::BatchCursor batches(each.bytes); const auto batch = batches.next();)
        seen += static_cast<std::uint64_t>(batch->header.record_count);
    if (context_.clock.now() - begun > kReadMax) break;
  }
  const auto seconds = static_cast<double>(context_.clock.now() - begun) / 1e9;
  (*source)->close(context_.clock.now() + kSecond);
  if (seen != *stored)
    return Error{.message = fmt::format("{} records are stored, but {} came back", *stored, seen)};
  return static_cast<double>(seen) / seconds;
}

struct Figures {
  Peer ours, probe, librdkafka, perf_test;
  std::vector<double> reads;
};

std::vector<BenchRow> rows_of(const Figures& figures, const Field& field,
                              const std::string& no_kafka) {
  const std::string shared = fmt::format(
      "Apache Kafka on the same machine; acks 1, no compression, {} partitions, one producing "
      "thread or process; after {} M records of warm-up; confirmed by end offsets",
      kPartitions, field.warmed_up_with / 1'000'000);
  const std::string batches =
      fmt::format("{} connections, {} in flight, batches of {} tweets, {:.1f} B a record as sent",
                  kConnections, kInFlight, kBatch, field.record_bytes());
  const Peer &ours = figures.ours, &probe = figures.probe, &librdkafka = figures.librdkafka,
             &perf_test = figures.perf_test;
  std::vector<BenchRow> rows{
      row_of("storm", "M records/s", ours.rates, shared + "; " + batches),
      row_of("storm, client CPU", "ns/record", ours.cpu, "this process, start and end included"),
      row_of("resending probe", "M records/s", probe.rates,
             "one prebuilt batch again and again; " + batches),
      row_of("resending probe, client CPU", "ns/record", probe.cpu, "this process"),
      row_of("P4 storm / probe", "ratio", ratios(ours.rates, probe.rates), "goal >= 0.9"),
      row_of("librdkafka", "M records/s", librdkafka.rates,
             fmt::format("librdkafka {}: the same storm; batch.size 131072, linger 5 ms, "
                         "rd_kafka_produce_batch without copies, delivery reports",
                         kafka::rdkafka_version())),
      row_of("librdkafka, client CPU", "ns/record", librdkafka.cpu, "this process"),
      row_of("P4 storm / librdkafka", "ratio", ratios(ours.rates, librdkafka.rates), "goal >= 4")};
  if (no_kafka.empty()) {
    rows.push_back(row_of(
        "kafka-producer-perf-test", "M records/s", perf_test.rates,
        fmt::format("payloads of {:.0f} B from a file; enable.idempotence=false, batch.size "
                    "131072, linger 5 ms; {} M records, the rate without its first {} M",
                    field.value_bytes(), kPerfRecords / 1'000'000, kPerfWarmUp / 1'000'000)));
    rows.push_back(row_of("kafka-producer-perf-test, CPU", "ns/record", perf_test.cpu,
                          "the process, less what one of a single record takes"));
    rows.push_back(
        row_of("P4 storm / perf-test", "ratio", ratios(ours.rates, perf_test.rates), "goal >= 8"));
    rows.push_back(row_of("P4 CPU storm / perf-test", "ratio", ratios(ours.cpu, perf_test.cpu),
                          "client CPU per record; goal <= 0.05"));
  } else {
    rows.push_back(skipped_row("kafka-producer-perf-test", no_kafka));
  }
  rows.push_back(row_of("fetch", "M records/s", figures.reads,
                        "read back whole by our source, 2 connections, batch headers walked; "
                        "from the page cache"));
  return rows;
}

/// By the storm, which tries again where a new topic has no leader yet; and librdkafka's way, whose
/// smaller batches Kafka's compiler has not seen then.
Status warm_up(Field& field, const BenchContext& context) {
  auto warm = field.storm(Engine::kDirect, kWarmUpMax, kWarmUpRecords);
  if (!warm) return std::move(warm).error().while_trying("warm Kafka up");
  field.warmed_up_with = warm->records;
  for (int i = 0; i < 2; ++i)
    if (auto turn = field.storm(Engine::kRdkafka, context.duration / 2); !turn)
      return std::move(turn).error();
  return Done{};
}

}  // namespace

Result<std::vector<BenchRow>> bench_peers(const BenchContext& context) {
  const std::string no_kafka = why_no_kafka(context.kafka_script);
  if (context.brokers.empty() && !no_kafka.empty())
    return std::vector<BenchRow>{skipped_row("into Apache Kafka", no_kafka)};
  std::unique_ptr<RealKafka> own;
  std::vector<Address> brokers = context.brokers;
  std::string folder = context.folder;
  if (brokers.empty()) {
    folder += "/kafka";
    auto started = RealKafka::start(context.kafka_script, folder);
    if (!started) return std::move(started).error();
    own = std::move(*started);
    brokers = own->brokers();
  }
  auto opened = Field::open(context, brokers, folder);
  if (!opened) return std::move(opened).error();
  Field& field = **opened;
  if (Status warm = warm_up(field, context); !warm) return warm.error();
  if (Status ready = field.prepare_reading(); !ready) return ready.error();

  Figures figures;
  for (int run = 0; run < context.runs; ++run) {
    auto turn = field.storm(Engine::kDirect, context.duration);
    if (!turn) return std::move(turn).error();
    figures.ours.add(*turn);
    if (turn = field.probe(); !turn) return std::move(turn).error();
    figures.probe.add(*turn);
    if (turn = field.storm(Engine::kRdkafka, context.duration); !turn)
      return std::move(turn).error();
    figures.librdkafka.add(*turn);
    if (no_kafka.empty()) {
      if (turn = field.perf_test(); !turn) return std::move(turn).error();
      figures.perf_test.add(*turn);
    }
    auto read = field.read();
    if (!read) return std::move(read).error();
    figures.reads.push_back(*read / 1e6);
  }
  return rows_of(figures, field, no_kafka);
}

}  // namespace ds
