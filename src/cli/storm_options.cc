#include "cli/storm_options.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <thread>

#include "base/units.h"
#include "base/wrong_use.h"
#include "cli/dress_options.h"
#include "cli/producer_properties.h"
#include "cli/registry_options.h"
#include "cli/topic_stage.h"
#include "kafka/client/direct_producer.h"
#include "kafka/client/one_by_one.h"
#include "kafka/client/rdkafka/rdkafka_keeper.h"
#include "kafka/client/rdkafka/rdkafka_outlet.h"
#include "kafka/wire/record_batch.h"
#include "storm/plain_tweet_filler.h"
#include "storm/replay.h"

namespace ds::cli {
namespace {

constexpr std::string_view kStormSettings[] = {"topic",      "total",       "duration",
                                               "rate",       "schedule",    "replay",
                                               "workers",    "batch-size",  "batch-interval-ms",
                                               "streams",    "partitions",  "replication",
                                               "acks",       "idempotence", "compression",
                                               "engine",     "payload",     "encoding",
                                               "pool",       "mode",        "positive",
                                               "negative",   "neutral",     "volatility",
                                               "brands",     "seed",        "shard",
                                               "timestamps", "run",         "schema-id",
                                               "linger",     "batch-bytes", "buffer-memory",
                                               "in-flight",  "connections", "delivery-timeout",
                                               "preset",     "one-by-one"};

/// A slow run in batches of 8,000 would move once in a while; so it takes what 20 ms bring.
constexpr Nanos kBatchSpan = 20 * kMillisecond;
constexpr std::uint64_t kBatchSizeMax = 8000;
constexpr std::size_t kFrameRoom = 64;  // for Confluent's frame
constexpr std::size_t kTopicBatchBytes = 1 << 20;
constexpr std::size_t kTopicBatchHeadroom = 12;  // Kafka's default limit is 12 bytes over 1 MiB

std::uint64_t memory_of_machine() {
  return static_cast<std::uint64_t>(sysconf(_SC_PHYS_PAGES)) *
         static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

std::uint64_t cores() {
  return std::max(1u, std::thread::hardware_concurrency());
}

Mix read_mix(Reader& read, std::uint64_t seed) {
  constexpr std::string_view kModes[] = {"fixed", "volatile"};
  const std::string mode = read.choice("mode", kModes);
  const auto parse = [&](std::string_view name) { return Percent::parse(read.text(name)); };
  const auto shares = {parse("positive"), parse("negative"), parse("neutral")};
  const Percent positive = read.take("positive", parse("positive"));
  const Percent negative = read.take("negative", parse("negative"));
  const Percent neutral = read.take("neutral", parse("neutral"));
  const auto factor_given = parse_quantity(read.text("volatility"));
  const double factor = factor_given && *factor_given <= 1 ? *factor_given : 0;
  if (!factor_given || *factor_given > 1)  // whatever the mode: it may change while the run lives
    read.wrong("volatility",
               wrong_use(fmt::format("'{}' is no volatility", read.text("volatility")),
                         "from 0 to 1: 0 is steady; with 1 a batch may be all of one kind"));
  // What their sum is says nothing while one of them is none.
  if (!std::ranges::all_of(shares, [](const auto& share) { return share.ok(); })) return {};
  auto mix = mode == "volatile" ? Mix::swinging(positive, negative, neutral, factor, seed)
                                : Mix::fixed(positive, negative, neutral);
  if (mix) return *mix;
  read.wrong(mix.error());
  return {};
}

Schedule replayed(Reader& read) {
  constexpr std::string_view kFile = "file:";
  const std::string payload = read.text("payload");
  if (!payload.starts_with(kFile)) {
    read.wrong("replay", wrong_use("there are no recorded times to keep", "--payload file:PATH"));
    return Schedule::flat_out();
  }
  return read.take("replay", read_replay(payload.substr(kFile.size()), read.text("replay")),
                   Schedule::flat_out());
}

Schedule read_schedule(Reader& read, std::uint64_t workers, std::uint64_t batch_size) {
  const std::string text = read.text("schedule"), rate = read.text("rate");
  const std::uint64_t interval_ms = read.count("batch-interval-ms");
  // A command's own default rate gives way to the others; one that somebody gave does not.
  const bool replay = !read.text("replay").empty();
  const int given = (read.given("schedule") ? 1 : 0) + (replay ? 1 : 0) +
                    (read.given("rate") && rate != "max" ? 1 : 0) + (interval_ms > 0 ? 1 : 0);
  if (given > 1)
    read.wrong(
        wrong_use("--rate, --schedule, --replay and --batch-interval-ms exclude each other"));
  auto steady = rate == "max" ? Result<double>(0.0) : parse_quantity(rate);
  if (!steady)  // also where another one wins
    read.wrong("rate", wrong_use(fmt::format("'{}' is not a rate", rate),
                                 "a number such as 5000, 100k or 2M, or max"));
  if (replay) return replayed(read);
  if (!text.empty())
    return read.take("schedule", Schedule::parse(text, read.count("seed")), Schedule::flat_out());
  if (interval_ms > 0) {
    const double batches = 1000.0 / static_cast<double>(interval_ms) * static_cast<double>(workers);
    return Schedule::steady(batches *
                            static_cast<double>(batch_size == 0 ? kBatchSizeMax : batch_size));
  }
  if (rate == "max") return Schedule::flat_out();
  return steady ? Schedule::steady(*steady) : Schedule::flat_out();
}

std::uint64_t fitting_batch_size(const Schedule& schedule, std::uint64_t asked) {
  if (asked != 0) return asked;
  if (schedule.is_flat_out()) return kBatchSizeMax;
  double rate = schedule.rate(0);
  for (Nanos at = 0; at < 100 * kSecond; at += kSecond / 4)
    rate = std::max(rate, schedule.rate(at));
  const double span = rate * static_cast<double>(kBatchSpan) / 1e9;
  return static_cast<std::uint64_t>(std::clamp(span, 1.0, static_cast<double>(kBatchSizeMax)));
}

void read_shard(Reader& read, RunSettings& run) {
  const std::string text = read.text("shard");
  const char* const end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, run.shard);
  const bool slash = first.ec == std::errc() && first.ptr != end && *first.ptr == '/';
  const auto second = slash ? std::from_chars(first.ptr + 1, end, run.shards) : first;
  if (!slash || second.ec != std::errc() || second.ptr != end || run.shard >= run.shards)
    read.wrong("shard",
               wrong_use(fmt::format("'{}' is not a shard", text), "i/n with i from 0 to n-1"));
}

kafka::Acks read_acks(Reader& read) {
  constexpr std::string_view kAcks[] = {"0", "1", "all"};
  const std::string acks = read.choice("acks", kAcks);
  if (!read.given("acks") && wants_transactions(read)) return kafka::Acks::kAll;
  return acks == "0" ? kafka::Acks::kNone : acks == "1" ? kafka::Acks::kLeader : kafka::Acks::kAll;
}

/// Nothing: the payload's own.
std::optional<Encoding> read_encoding(Reader& read) {
  constexpr std::pair<std::string_view, Encoding> kEncodings[] = {
      {"avro", Encoding::kAvro}, {"json", Encoding::kJson}, {"protobuf", Encoding::kProtobuf}};
  const std::string encoding = read.text("encoding");
  for (const auto& [name, value] : kEncodings)
    if (encoding == name) return value;
  if (!encoding.empty())
    read.wrong("encoding", wrong_use(fmt::format("'{}' is no encoding", encoding),
                                     "avro, json or protobuf; empty is the payload's own"));
  return std::nullopt;
}

/// The values of a payload that is no tweet, or null.
std::shared_ptr<const ImagePool> read_payload(Reader& read, std::uint64_t seed,
                                              std::optional<Encoding> encoding) {
  const std::string payload = read.text("payload");
  if (payload == "tweet") return nullptr;
  PayloadSettings settings{
      .seed = seed, .schema = read.text("schema"), .references = read_references(read)};
  settings.encoding = encoding;
  auto opened = read.take("payload", open_payload(payload, settings));
  if (!opened) return nullptr;
  if (!read.text("registry").empty() && !opened->schema())
    read.wrong("registry", wrong_use(fmt::format("{} has no schema that it could be told", payload),
                                     "with --encoding json name one: --schema FILE.json"));
  auto pool = make_pool(std::move(opened), {}, read.count("pool"));
  const std::uint64_t most = read.size("batch-bytes");
  if (pool->bytes_max > kPayloadBytesMax ||
      pool->bytes_max + kFrameRoom + kAroundPooledValueMax + kafka::kBatchHeaderBytes > most)
    read.wrong("payload", wrong_use(fmt::format("its values have up to {} bytes, and a batch {}",
                                                pool->bytes_max, most),
                                    "make it smaller, or --batch-bytes larger"));
  return pool;
}

void read_producer(Reader& read, StormOptions& options) {
  kafka::ProducerSettings& producer = options.producer;
  constexpr std::string_view kCodecs[] = {"none", "gzip", "snappy", "lz4", "zstd"};
  producer.topic = options.topic.name;
  producer.acks = read_acks(read);
  producer.idempotent = read.on("idempotence");
  producer.compression = read.choice("compression", kCodecs);
  producer.batch_bytes_max = read.size("batch-bytes");
  producer.in_flight_max = read.count_within("in-flight", 1, 1000);
  producer.connections_per_broker = read.count_within("connections", 1, 1000);
  producer.linger = read.duration("linger");
  options.one_by_one = read.on("one-by-one");
  if (options.one_by_one) options.run.piece_records_max = 1;
  producer.delivery_timeout = read.duration("delivery-timeout");
  if (producer.delivery_timeout < kMillisecond)
    read.wrong("delivery-timeout",
               wrong_use("a batch needs some time to be delivered", "1ms or more"));
  if (options.engine == "direct") {
    for (const Error& wrong : take_producer_properties(options.client, producer)) read.wrong(wrong);
    refuse_properties(read, options.client);
  } else if (auto fine = kafka::check_rdkafka_properties(options.client, producer); !fine) {
    read.wrong(fine.error());
  }
  // Kafka's default for a topic is 1 MiB; one that is created here takes what is sent.
  if (producer.batch_bytes_max > kTopicBatchBytes)
    options.topic.configs["max.message.bytes"] =
        std::to_string(producer.batch_bytes_max + kTopicBatchHeadroom);
  options.run.acks = producer.acks;
  options.run.batch_bytes_max = producer.batch_bytes_max;
  // Claims and the log's end are not waited for longer than records are: a broker that falls silent
  // would hold the account back.
  kafka::ClientSettings& client = options.client;
  client.request_timeout =
      std::min(client.request_timeout, std::max(producer.delivery_timeout, client.connect_timeout));
  std::uint64_t memory = read.size("buffer-memory");
  if (!read.given("buffer-memory")) memory = std::min(memory, memory_of_machine() / 2);
  producer.buffer_memory = memory / static_cast<std::uint64_t>(options.run.threads);
  if (producer.batch_bytes_max < 1024 || producer.batch_bytes_max > (64u << 20))
    read.wrong("batch-bytes", wrong_use("a batch must have from 1 KiB to 64 MiB"));
  else if (memory > memory_of_machine())
    read.wrong("buffer-memory",
               wrong_use(fmt::format("{} are more than this machine has",
                                     human_bytes(static_cast<double>(memory))),
                         fmt::format("at most {}",
                                     human_bytes(static_cast<double>(memory_of_machine())))));
  else if (producer.buffer_memory < 2 * producer.batch_bytes_max)
    read.wrong("buffer-memory",
               wrong_use(fmt::format("{} hold fewer than two batches of {} for each of {} threads",
                                     human_bytes(static_cast<double>(memory)),
                                     human_bytes(static_cast<double>(producer.batch_bytes_max)),
                                     options.run.threads)));
  if (producer.idempotent && producer.acks != kafka::Acks::kAll)
    read.wrong("idempotence", wrong_use("idempotence needs --acks all"));
  if (producer.idempotent && producer.in_flight_max > 5)
    read.wrong("in-flight", wrong_use("with --idempotence at most 5 requests may be in flight"));
}

/// What this shard has done already of the run that --run names; nothing when it is new. A run that
/// goes on keeps its beginning.
Result<std::optional<TakenUp>> take_up_run(StormOptions& options, const Clock& clock, Log& log) {
  RunClaim& claim = options.run.claim;
  kafka::Admin admin(options.client, clock, log);
  if (const auto runs = admin.describe_topic(kRunsTopic);
      !runs && runs.error().system == kafka::kNoSuchTopic)
    return std::optional<TakenUp>();
  const auto book = read_claims(admin);
  if (!book && options.engine == "librdkafka") {
    // A login that only librdkafka knows: then a run can begin and not go on.
    log.warn("whether run {} had begun before cannot be told: {}", run_name(claim.run),
             book.error().message);
    return std::optional<TakenUp>();
  }
  if (!book) return book.error();
  const ClaimedRun* const begun = book->find(claim.run);
  if (begun == nullptr) return std::optional<TakenUp>();
  if (auto same = same_run(begun->run, claim); !same) return std::move(same).error();
  claim.started_ms = begun->run.started_ms;
  const Ours ours = [&](std::uint32_t stream) {
    return stream % options.run.shards == options.run.shard;
  };
  auto topic = topic_stage(admin, {options.client, clock, log}, claim.topic,
                           unclaimed_since_ms(*begun, ours));
  if (!topic) return std::move(topic).error();
  auto taken = take_up(*begun, ours, *topic);
  if (!taken) return std::move(taken).error();
  return std::optional(std::move(*taken));
}

}  // namespace

std::vector<std::string_view> storm_settings() {
  return join_settings({kKafkaSettings, kStormSettings, kDressSettings, kRegistrySettings});
}

StormOptions read_storm(Reader& read) {
  StormOptions options;
  constexpr std::string_view kEngines[] = {"direct", "librdkafka"};
  options.engine = read.choice("engine", kEngines);
  if (!read.given("engine") && wants_transactions(read)) options.engine = "librdkafka";
  options.client = read_kafka(read, options.engine);
  options.topic = {
      .name = read_topic(read),
      .partitions = read.count_within("partitions", 1, kPartitionsMax),
      .replication = read.count_within<std::int16_t>("replication", 1, kReplicationMax),
      .configs = {}};

  RunSettings& run = options.run;
  const std::uint64_t asked_workers = read.count("workers");
  const std::uint64_t workers =
      asked_workers == 0 ? std::max<std::uint64_t>(4, cores()) : asked_workers;
  run.threads = static_cast<int>(std::min(workers, cores()));
  // Each line of a replay has a time of its own, so it is a batch of its own.
  const bool each = !read.text("replay").empty() && !read.given("batch-size");
  const std::uint64_t asked_size = each ? 1 : read.count("batch-size");
  if (asked_size > 1'000'000)
    read.wrong("batch-size", wrong_use("a generator batch has at most 1000000 records"));
  run.schedule = read_schedule(read, workers, asked_size);
  run.total = read.count("total");
  run.duration = read.duration("duration");
  read_shard(read, run);
  constexpr std::string_view kTimestamps[] = {"batch", "each"};
  run.timestamps_each = options.producer.timestamps_each =
      read.choice("timestamps", kTimestamps) == "each";

  const std::uint64_t seed = read.count("seed");
  options.tweets.seed = seed;
  options.tweets.brands =
      read.take("brands", parse_brands(read.text("brands")), options.tweets.brands);
  options.tweets.pool = read.count("pool");
  if (options.tweets.pool > 1'000'000)
    read.wrong("pool", wrong_use("a pool has at most 1000000 variants"));
  const std::uint64_t schema_id = read.count("schema-id");
  if (schema_id > 0x7fffffff) read.wrong("schema-id", wrong_use("a schema's id has 31 bits"));
  options.schema_id = static_cast<std::int32_t>(schema_id);
  options.mix = read_mix(read, seed);
  options.registry = read_registry(read);
  const auto encoding = read_encoding(read);
  options.values = read_payload(read, seed, encoding);
  options.tweet_encoding = encoding.value_or(Encoding::kAvro);
  read_producer(read, options);

  RunClaim& claim = run.claim;
  claim.run = read_run_id(read);
  options.run_named = read.given("run");
  claim.topic = options.topic.name;
  claim.batch_size =
      fitting_batch_size(run.schedule, std::min<std::uint64_t>(asked_size, 1'000'000));
  claim.streams = static_cast<std::uint32_t>(read.count("streams"));
  if (claim.streams > kStreamMax)
    read.wrong("streams", wrong_use(fmt::format("a run has at most {} streams", kStreamMax)));
  claim.seed = seed;
  claim.payload = read.text("payload");
  claim.settings = fmt::format("mix {}, brands {}, pool {}", options.mix.to_string(),
                               read.text("brands"), options.tweets.pool);
  if (options.values)
    claim.settings = fmt::format("encoding {}, pool {}",
                                 name_of(options.values->payload->encoding()), options.tweets.pool);
  else if (options.tweet_encoding != Encoding::kAvro)
    claim.settings += fmt::format(", encoding {}", name_of(options.tweet_encoding));
  if (run.timestamps_each) claim.settings += ", timestamps each";
  if (!options.values)
    for (const Brand& brand : options.tweets.brands)
      claim.brands.push_back({brand.name, brand.weight});
  claim.pool = options.tweets.pool;
  claim.mixes = {mix_claim(options.mix)};
  claim.engine = options.engine;
  claim.acks = run.acks == kafka::Acks::kNone     ? "0"
               : run.acks == kafka::Acks::kLeader ? "1"
                                                  : "all";
  read_dress(read, options);
  return options;
}

Quantiles quantiles_of(const Histogram& histogram) {
  const auto at = [&](double share) { return static_cast<double>(histogram.quantile(share)); };
  return {.p50 = at(0.5),
          .p90 = at(0.9),
          .p99 = at(0.99),
          .p999 = at(0.999),
          .p9999 = at(0.9999),
          .max = static_cast<double>(histogram.max()),
          .min = static_cast<double>(histogram.min()),
          .samples = histogram.count(),
          .negative = histogram.negatives()};
}

Tweet dry_record(const TweetGenerator& generator, const StormOptions& options, std::uint64_t record,
                 std::int64_t timestamp_ms) {
  return generator.tweet(options.run.claim.run, record, timestamp_ms, options.mix,
                         generator.settings().numbering.place(record).batch);
}

Result<std::unique_ptr<kafka::TopicKeeper>> make_keeper(const std::string& engine,
                                                        const kafka::ClientSettings& client,
                                                        const Clock& clock, Log& log) {
  if (engine == "librdkafka") return kafka::make_rdkafka_keeper(client, clock, log);
  return std::unique_ptr<kafka::TopicKeeper>(std::make_unique<kafka::Admin>(client, clock, log));
}

Storm::Storm(StormOptions options, const Clock& clock, Log& log)
    : options_(std::move(options)), clock_(clock), log_(log) {}

Result<std::unique_ptr<Storm>> Storm::start(StormOptions options, const Clock& clock, Log& log) {
  auto storm = std::unique_ptr<Storm>(new Storm(std::move(options), clock, log));
  Storm& self = *storm;
  StormOptions& o = self.options_;

  if (auto framed = frame_values(o, clock); !framed) return std::move(framed).error();
  auto keeper = make_keeper(o.engine, o.client, clock, log);
  if (!keeper) return std::move(keeper).error();
  self.keeper_ = std::move(*keeper);
  self.claims_ = std::make_unique<TopicClaims>(*self.keeper_, clock);
  auto partitions = self.keeper_->ready_partitions(o.topic);
  if (!partitions) return std::move(partitions).error();
  RunClaim& claim = o.run.claim;
  claim.partitions = *partitions;
  if (claim.streams == 0) claim.streams = default_streams(claim.partitions);
  claim.started_ms = clock.wall_ms();
  o.run.threads = std::min(o.run.threads, static_cast<int>(claim.streams));
  o.tweets.numbering = {claim.batch_size, claim.streams};
  self.generator_ = std::make_unique<TweetGenerator>(o.tweets);
  self.mixes_ = std::make_unique<MixBook>(o.mix);

  RunParts parts;
  parts.make_filler = [&self]() -> std::unique_ptr<Filler> {
    const StormOptions& made = self.options_;
    const RunClaim& run = made.run.claim;
    if (made.values)
      return std::make_unique<PooledFiller>(
          PooledFillerSettings{run.run, run.seed, run.batch_size, run.streams}, made.values);
    if (made.tweet_encoding != Encoding::kAvro)
      return std::make_unique<PlainTweetFiller>(
          PlainTweetSettings{run.run, made.tweet_encoding, made.frame}, *self.generator_,
          *self.mixes_);
    return std::make_unique<TweetFiller>(
        TweetFillerSettings{
            .run = run.run, .confluent = made.schema_id != 0, .schema_id = made.schema_id},
        *self.generator_, *self.mixes_);
  };
  parts.make_outlet = [&self](kafka::DeliveryListener& listener) {
    const StormOptions& made = self.options_;
    const auto make =
        made.engine == "librdkafka" ? kafka::make_rdkafka_outlet : kafka::make_direct_outlet;
    kafka::ProducerSettings producer = made.producer;
    if (made.run.transaction_records > 0)  // one for each worker, and no other run's
      producer.transactional_id = fmt::format("datastorm-{}-{}-{}", run_name(made.run.claim.run),
                                              made.run.shard, self.outlets_++);
    auto outlet = make(made.client, producer, listener, self.clock_, self.log_);
    if (outlet && made.one_by_one)
      return Result<std::unique_ptr<kafka::Outlet>>(
          std::make_unique<kafka::OneByOneOutlet>(std::move(*outlet)));
    return outlet;
  };
  if (o.run_named) {
    auto earlier = take_up_run(o, clock, log);
    if (!earlier) return std::move(earlier).error();
    parts.earlier = std::move(*earlier);
  }
  parts.publish = [&self](const RunClaim& run, const ClaimChanges& changes) {
    return self.claims_->publish(run, changes);
  };
  auto run = Run::start(o.run, std::move(parts), clock, log);
  if (!run) return std::move(run).error();
  self.run_ = std::move(*run);
  return storm;
}

void Storm::show(Snapshot& into) const {
  const Account account = run_->account();
  into.run = run_name(run_->claim().run);
  into.counters = {.scheduled = account.scheduled,
                   .enqueued = account.enqueued,
                   .written = account.written,
                   .acknowledged = account.acknowledged,
                   .failed = account.failed,
                   .unknown = account.unknown};
  into.acks = options_.run.claim.acks;
  into.total_wanted = run_->scheduled_at_end().value_or(0);
  into.rate.target = run_->wanted_rate();
  const Mix mix = mixes_->latest();
  into.mode = mix.is_volatile() ? "volatile" : "fixed";
  into.volatility = mix.is_volatile() ? mix.factor() : 0;
  into.mix = {mix.shares()[0].value(), mix.shares()[1].value(), mix.shares()[2].value()};
  into.latency_us["wait"] = quantiles_of(run_->wait_us());
  into.latency_us["acknowledged"] = quantiles_of(run_->latency_us());
  for (const Brand& brand : options_.tweets.brands) into.brands.push_back(brand.name);
  into.now_ms = clock_.wall_ms();
  into.started_ms = run_->claim().started_ms;
  into.elapsed_s = static_cast<double>(run_->ended() - run_->started()) / 1e9;
}

}  // namespace ds::cli
