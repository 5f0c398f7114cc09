#include "cli/intake.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <thread>

#include "base/units.h"
#include "base/wrong_use.h"
#include "cli/storm_options.h"
#include "kafka/client/admin.h"
#include "kafka/client/assignor.h"
#include "kafka/client/fetcher.h"
#include "kafka/client/rdkafka/rdkafka_source.h"
#include "sink/sqlite_reader.h"

namespace ds::cli {
namespace {

constexpr std::string_view kIntakeSettings[] = {"topic",
                                                "group",
                                                "instance",
                                                "assignor",
                                                "isolation",
                                                "session-timeout",
                                                "heartbeat-interval",
                                                "partition-bytes",
                                                "engine",
                                                "reset-offsets",
                                                "sink",
                                                "decode",
                                                "store",
                                                "synchronous",
                                                "until-end",
                                                "flush-ms",
                                                "raw-rows-for",
                                                "raw-bytes",
                                                "workers",
                                                "influx-source-tag",
                                                "influx-gzip",
                                                "influx-connections"};

constexpr unsigned kWorkersUsual = 4;

/// The letters that were replayed before: what comes again of them is a repeat.
Status read_seen(const IntakeOptions& options, kafka::Admin& admin, SeenLetters& seen) {
  auto committed = admin.group_committed(options.consumer.group, options.consumer.topic);
  if (!committed) return std::move(committed).error();
  return admin.read_all(options.consumer.topic,
                        [&](std::int32_t partition, const kafka::RecordView& letter) {
                          const auto end = committed->find(partition);
                          if (end == committed->end() || letter.offset >= end->second) return;
                          if (const auto origin = origin_of(letter)) seen.add(*origin);
                        });
}

/// Where the topic ends now; partitions that hold nothing are left out.
Result<std::map<kafka::TopicPartition, std::int64_t>> ends_of(const IntakeOptions& options,
                                                              kafka::Admin& admin) {
  // Asked by name, as a list leaves out what this user may not see.
  auto topic = admin.describe_topic(options.consumer.topic);
  if (!topic) {
    Error error = std::move(topic).error();
    // It has no end to read to; whoever means to wait for it leaves --until-end out.
    if (error.system == kafka::kNoSuchTopic) {
      error.code = ErrorCode::kUsage;
      error.hint =
          "without --until-end it is waited for; `datastorm topic list` shows what is there";
    }
    return error;
  }
  std::map<kafka::TopicPartition, std::int64_t> until;
  auto starts = admin.start_offsets(options.consumer.topic);
  if (!starts) return std::move(starts).error();
  auto ends = admin.end_offsets(options.consumer.topic);
  if (!ends) return std::move(ends).error();
  for (const auto& [partition, end] : *ends)
    if (end > starts->at(partition)) until[{options.consumer.topic, partition}] = end;
  return until;
}

std::vector<std::string> read_assignors(Reader& read) {
  std::vector<std::string> names;
  std::string rest = read.text("assignor");
  while (!rest.empty()) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    names.push_back(rest.substr(0, comma));
    rest.erase(0, comma + 1);
    if (!kafka::parse_assignor(names.back()))
      read.wrong("assignor", wrong_use(fmt::format("'{}' is no assignor", names.back()),
                                       "cooperative-sticky, range, roundrobin or sticky"));
  }
  if (names.empty()) read.wrong("assignor", wrong_use("none is named", "cooperative-sticky"));
  return names;
}

/// The same for those who may follow each other: one group, one store.
std::string slot_of(const IntakeOptions& options) {
  std::string sink = without_password(options.sink());
  if (const auto path = sqlite_path(options.sink())) {
    std::error_code error;
    const auto whole = std::filesystem::absolute(*path, error);
    if (!error) sink = whole.lexically_normal().string();
  }
  return fmt::format("{}\n{}\n{}", options.consumer.group, options.consumer.topic, sink);
}

}  // namespace

std::vector<std::string_view> intake_settings() {
  return join_settings({kKafkaSettings, kIntakeSettings, kStoreAccess});
}

SinkSettings read_store_access(Reader& read) {
  SinkSettings store;
  store.influx_url = read.text("influx-url");
  store.influx_org = read.text("influx-org");
  store.influx_user = read.text("influx-user");
  store.influx_token = read.text("influx-token");
  store.influx_bucket = read.text("influx-bucket");
  store.mongo_url = read.text("mongo-url");
  return store;
}

IntakeOptions read_intake(Reader& read) {
  IntakeOptions options;
  options.client = read_kafka(read, read.text("engine"));
  options.consumer.topic = read_topic(read);
  options.consumer.group = read.text("group");
  options.consumer.join = true;
  options.consumer.instance = read.text("instance");
  options.consumer.assignors = read_assignors(read);
  options.consumer.read_committed = reads_committed(read);
  options.consumer.session_timeout = read.duration("session-timeout");
  options.consumer.heartbeat_interval = read.duration("heartbeat-interval");
  options.consumer.partition_bytes_max = static_cast<std::int32_t>(
      std::clamp<std::uint64_t>(read.size("partition-bytes"), 1, 1u << 30));
  options.consumer.fetch_bytes_max =
      std::max(options.consumer.fetch_bytes_max, options.consumer.partition_bytes_max);
  if (options.consumer.heartbeat_interval <= 0 ||
      options.consumer.heartbeat_interval * 2 > options.consumer.session_timeout)
    read.wrong("heartbeat-interval", wrong_use("two heartbeats at least must go into a session",
                                               "make it shorter, or --session-timeout longer"));
  constexpr std::string_view kEngines[] = {"direct", "librdkafka"};
  options.engine = read.choice("engine", kEngines);
  if (options.engine == "librdkafka" && read.text("store") != "raw")
    read.wrong("store",
               wrong_use("librdkafka hides where record batches begin and end, which rollups "
                         "are counted by",
                         "use --engine direct, or --store raw"));
  options.store = read_store_access(read);
  options.store.workers = static_cast<int>(std::min<std::uint64_t>(read.count("workers"), 64));
  if (options.store.workers == 0)
    options.store.workers =
        static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 1u, kWorkersUsual));
  options.consumer.reset_offsets = options.store.reset_offsets = options.pipeline.reset_offsets =
      read.on("reset-offsets");
  options.store.store = read.take("store", parse_store_as(read.text("store")));
  constexpr std::string_view kModes[] = {"off", "normal", "full", "extra"};
  options.store.synchronous = read.choice("synchronous", kModes);
  options.store.keep.age_ms = read.duration("raw-rows-for") / kMillisecond;
  options.store.keep.bytes = read.size("raw-bytes");
  options.store.decode = read.take("decode", parse_tweet_encoding(read.text("decode")));
  options.store.influx_source_tag = read.on("influx-source-tag");
  options.store.influx_gzip = read.on("influx-gzip");
  options.store.influx_connections =
      static_cast<int>(std::clamp<std::uint64_t>(read.count("influx-connections"), 1, 64));
  options.sinks = read.list("sink");
  if (options.sinks.empty())
    options.sinks.push_back("sqlite:" + read.text("data-dir") + "/datastorm.db");
  for (const std::string& sink : options.sinks) {
    if (std::ranges::count(options.sinks, sink) > 1)
      read.wrong("sink", wrong_use(fmt::format("'{}' is named twice", sink)));
    if (auto named = check_sink_name(sink, options.store); !named)
      read.wrong("sink", named.error());
  }
  options.pipeline.flush = static_cast<Nanos>(read.count("flush-ms")) * kMillisecond;
  options.until_end = read.on("until-end");
  return options;
}

void IntakeOptions::replay_dead_letters() {
  consumer.topic += kDeadLetterSuffix;
  consumer.group += kDeadLetterSuffix;
  store.replay = true;
  until_end = true;
}

std::optional<std::string> IntakeOptions::store_file() const {
  for (const std::string& sink : sinks)
    if (auto path = sqlite_path(sink)) return path;
  return std::nullopt;
}

bool IntakeOptions::prints() const {
  return std::ranges::find(sinks, "stdout") != sinks.end();
}

Result<std::unique_ptr<Intake>> Intake::start(IntakeOptions options, const Clock& clock, Log& log) {
  auto intake = std::unique_ptr<Intake>(new Intake(std::move(options), clock, log));
  IntakeOptions& o = intake->options_;
  // The stores first: a path that is wrong is told whether the cluster is up or not.
  intake->dead_letters_ = std::make_unique<KafkaDeadLetters>(o.client, clock, log);
  o.store.dead_letters = intake->dead_letters_.get();
  std::vector<std::unique_ptr<Sink>> sinks;
  for (const std::string& name : o.sinks) {
    auto sink = make_sink(name, o.store, clock, log);
    if (!sink) return as_wrong_use(std::move(sink).error());
    if (o.trouble) *sink = std::make_unique<TroubledSink>(std::move(*sink), *o.trouble);
    sinks.push_back(std::move(*sink));
  }
  kafka::Admin admin(o.client, clock, log);
  auto cluster = admin.cluster_id();
  if (!cluster) return std::move(cluster).error();
  o.pipeline.cluster_id = *cluster;
  if (o.until_end) {
    auto until = ends_of(o, admin);
    if (!until) return std::move(until).error();
    o.pipeline.until = std::move(*until);
  }

  if (o.store.replay) {
    if (auto read = read_seen(o, admin, intake->seen_); !read) return std::move(read).error();
    o.store.seen_before = &intake->seen_;
  }
  if (o.consumer.instance.empty()) {
    o.consumer.instance = pod_instance();
    // librdkafka's static members never leave: without a name of theirs they are dynamic.
    if (!in_kubernetes() && o.engine == "direct") {
      auto slot = InstanceSlot::take(slot_folder(), slot_of(o));
      if (slot) {
        o.consumer.instance = slot->id();
        intake->slot_ = std::move(*slot);
      } else {
        log.warn("{}; a restart will wait for the session's end", slot.error().message);
      }
    }
  }

  PipelineParts parts;
  parts.make_source = [&o, &clock, &log](kafka::AssignmentListener& listener) {
    auto source = o.engine == "librdkafka"
                      ? kafka::make_rdkafka_source(o.client, o.consumer, listener, clock, log)
                      : kafka::make_direct_source(o.client, o.consumer, listener, clock, log);
    if (source && o.trouble)
      *source = std::make_unique<HoldingSource>(std::move(*source), *o.trouble);
    return source;
  };
  parts.group_offsets = [&o, &clock, &log,
                         group = std::make_shared<kafka::Admin>(o.client, clock, log)] {
    Sink::Offsets offsets;
    auto committed = group->group_committed(o.consumer.group, o.consumer.topic);
    if (!committed) return Result<Sink::Offsets>(std::move(committed).error());
    for (const auto& [partition, offset] : *committed)
      offsets[{o.consumer.topic, partition}] = offset;
    return Result<Sink::Offsets>(std::move(offsets));
  };
  const auto topic = admin.describe_topic(o.consumer.topic);
  for (auto& sink : sinks) {
    if (topic && parts.sinks.empty()) {
      auto positions = sink->next_offsets({*cluster, kafka::topic_id_text(topic->id)});
      if (!positions) return std::move(positions).error();
      intake->positions_ = std::move(*positions);
    }
    parts.sinks.push_back(std::move(sink));
  }
  if (const auto path = o.store_file()) {
    const auto rows = rows_held(*path);
    if (!rows) return rows.error();
    intake->rows_before_ = *rows;
  }
  auto pipeline = Pipeline::start(o.pipeline, std::move(parts), clock, log);
  if (!pipeline) return std::move(pipeline).error();
  intake->pipeline_ = std::move(*pipeline);
  if (const auto path = o.store_file()) {
    auto table = RunsTable::open(*path);
    if (!table) return std::move(table).error();
    auto claims = ClaimFollower::start(
        [&o, &clock, &log](kafka::AssignmentListener& listener) {
          kafka::ConsumerSettings consumer;
          consumer.topic = kRunsTopic;
          return kafka::make_direct_source(o.client, consumer, listener, clock, log);
        },
        std::move(*table), clock, log);
    if (!claims) return std::move(claims).error();
    intake->claims_ = std::move(*claims);
  }
  intake->clocks_.emplace(o.client, o.consumer.topic, clock);
  intake->started_ = clock.now();
  return intake;
}

void Intake::stop() {
  pipeline_->stop();
  clocks_->stop();
  if (!claims_) return;
  kafka::Admin admin(options_.client, clock_, log_);
  auto ends = admin.end_offsets(kRunsTopic);
  claims_->stop(ends ? std::optional(std::move(*ends)) : std::nullopt);
}

namespace {

/// What was measured of the clocks, and what the least time from being due to being fetched tells.
ClockShown compare_clocks(const Histogram& fetched_us, const ClockLook& look) {
  ClockShown shown{.least_ms = static_cast<double>(fetched_us.min()) / 1000,
                   .negative = fetched_us.negatives(),
                   .differ = fetched_us.negatives() > 0,
                   .text = {}};
  const std::string early =
      shown.differ ? with_commas(shown.negative) + " records came before they were due" : "";
  if (const auto& found = look.difference) {
    shown.ahead_least_ms = static_cast<double>(found->ahead.least_us) / 1000;
    shown.ahead_most_ms = static_cast<double>(found->ahead.most_us) / 1000;
    shown.differ = shown.differ || found->matters();
    shown.text = found->words();
    if (!early.empty()) shown.text += "; " + early;
    return shown;
  }
  shown.not_measured = look.why_not;
  if (shown.differ)
    shown.text = fmt::format(
        "{}: this clock is at least {:.0f} ms behind the storm's (by how much at most is not "
        "known: {})",
        early, -shown.least_ms, look.why_not);
  return shown;
}

}  // namespace

void Intake::show(Snapshot& into) {
  const PipelineAccount account = pipeline_->account();
  into.stored = account.stored;
  into.retired = account.retired;
  into.errors = account.errors + account.dead_lettered;
  into.dead_lettered = account.dead_lettered;
  into.duplicates_suppressed = account.duplicates_suppressed;
  into.counters.read_back = account.read;
  into.lag = {account.lag, account.lag_seconds};
  for (const auto& [brand, counts] : account.by_brand) {
    into.by_brand[brand] = {counts[0], counts[1], counts[2]};
    into.sentiment.positive += counts[0];
    into.sentiment.negative += counts[1];
    into.sentiment.neutral += counts[2];
    if (std::ranges::find(into.brands, brand) == into.brands.end()) into.brands.push_back(brand);
  }
  {
    const std::lock_guard lock(visible_mutex_);
    const std::int64_t wall_ms = clock_.wall_ms();
    for (const auto& [due_ms, records] : pipeline_->take_unshown())
      visible_us_.record((wall_ms - due_ms) * 1000, records);
    into.latency_us["visible"] = quantiles_of(visible_us_);
  }
  into.latency_us["fetched"] = quantiles_of(account.fetched_us);
  into.latency_us["stored"] = quantiles_of(account.stored_us);
  into.clock = compare_clocks(account.fetched_us, clocks_->look());
  const std::string sink = without_password(options_.sink());
  const std::size_t colon = sink.find(':');
  into.store = {.kind = sink.substr(0, colon),
                .path = colon == std::string::npos ? "" : sink.substr(colon + 1),
                .durability = pipeline_->description()};
  if (rows_before_) into.store.rows = *rows_before_ + account.stored - account.retired;
  // Kind and path stand beside it already.
  if (const std::string named = into.store.kind + " " + into.store.path + ", ";
      into.store.durability.starts_with(named))
    into.store.durability.erase(0, named.size());
  for (const SinkAccount& each : account.sinks)
    into.sinks.push_back({.name = each.sink,
                          .state = std::string(name_of(each.state)),
                          .stored = each.sum.stored,
                          .lag = each.lag,
                          .errors = each.errors,
                          .last_error = each.last_error});
  into.now_ms = clock_.wall_ms();
  if (into.elapsed_s == 0) into.elapsed_s = static_cast<double>(clock_.now() - started_) / 1e9;
}

}  // namespace ds::cli
