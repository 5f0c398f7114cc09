// What stores take: from a topic of tweets through the pipeline, against the least that anybody can
// do — a bare insert loop, prebuilt bodies — and against Telegraf. Every record is counted.
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "bench/own_program.h"
#include "bench/pipeline_rig.h"
#include "bench/store_server.h"
#include "bench/storm_rig.h"
#include "bench/suite.h"
#include "net/http_client.h"
#include "record/avro_tweet.h"
#include "sink/influx_lines.h"
#include "sink/line_poster.h"
#include "sink/make_sink.h"
#include "sink/sqlite_speed.h"

namespace ds {
namespace {

constexpr std::int32_t kPartitions = 32;
constexpr std::size_t kPoints = 5000;  // in a request, as the sink's
constexpr int kConnections = 4;
constexpr Nanos kTelegrafMax = 60 * kSecond;
constexpr Nanos kTelegrafMin = kSecond / 5;  // twenty looks at the server's count
constexpr std::uint64_t kTelegrafMostLines = 4'000'000;

/// A broker with a topic of so many tweets.
struct Source {
  std::unique_ptr<ServedBroker> broker;
  std::string folder;
  std::uint64_t records = 0;
  double record_bytes = 0;

  ~Source() {
    broker.reset();
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }
  Result<double> drain(const BenchContext& context, const std::string& topic,
                       std::unique_ptr<Sink> sink) const {
    return drain_topic({.brokers = broker->brokers(),
                        .topic = topic,
                        .group = fmt::format("bench-{}", context.clock.now())},
                       std::move(sink), records, context.clock, context.log);
  }
};

Status fill(const BenchContext& context, Source& source, const std::string& topic,
            std::uint64_t records, std::string payload = {}) {
  if (!source.broker) {
    source.folder = context.folder + "/sinks";
    auto broker = ServedBroker::start(source.folder, {"--durability", "memory"});
    if (!broker) return std::move(broker).error();
    source.broker = std::move(*broker);
  }
  auto filled = storm({.brokers = source.broker->brokers(),
                       .topic = topic,
                       .partitions = kPartitions,
                       .total = records,
                       .payload = std::move(payload)},
                      context.clock, context.log);
  if (!filled) return std::move(filled).error();
  source.records = filled->account.acknowledged;
  source.record_bytes = filled->record_bytes;
  return Done{};
}

Conditions with(const Source& source, const std::string& store, std::string more) {
  return {.record_bytes = source.record_bytes,
          .codec = "none",
          .durability = store,
          .engine = "direct",
          .more = std::move(more)};
}

// -- SQLite

Rows sqlite(const BenchContext& context) {
  Source source;
  if (Status filled = fill(context, source, "tweets", context.scaled(2'000'000)); !filled)
    return std::move(filled).error();
  const std::string folder = context.folder + "/sqlite";
  std::vector<double> bare, raw, rollup, share, read;
  for (int run = 0; run < context.runs; ++run) {
    std::error_code ignored;
    std::filesystem::create_directories(folder, ignored);
    auto speed = bench_sqlite(folder, source.records, context.clock, context.log);
    if (!speed) return std::move(speed).error();
    double rates[2];
    for (const StoreAs as : {StoreAs::kRaw, StoreAs::kRollup}) {
      auto sink = make_sink(fmt::format("sqlite:{}/drain-{}.db", folder, name_of(as)),
                            {.store = as}, context.clock, context.log);
      if (!sink) return std::move(sink).error();
      auto rate = source.drain(context, "tweets", std::move(*sink));
      if (!rate) return std::move(rate).error().while_trying("store into SQLite");
      rates[as == StoreAs::kRollup] = *rate;
    }
    std::filesystem::remove_all(folder, ignored);
    bare.push_back(speed->bare_rows_s / 1e6);
    read.push_back(speed->read_rows_s / 1e6);
    raw.push_back(rates[0] / 1e6);
    rollup.push_back(rates[1] / 1e6);
    share.push_back(rates[0] / speed->bare_rows_s);
  }
  const std::string store = "sqlite, synchronous=normal";
  const Conditions from_kafka = with(
      source, store, "from a topic in the embedded broker, a process of its own, 32 partitions");
  return std::vector<BenchRow>{
      row_of("bare insert loop", "M rows/s", bare,
             with(source, store, "the same rows decoded beforehand, the same table")),
      row_of("SQLite, raw rows", "M rows/s", raw, from_kafka),
      row_of("SQLite raw / bare loop", "ratio", share, from_kafka).with_goal("P8", true, 0.7),
      row_of("SQLite, rollups", "M records/s", rollup, from_kafka),
      row_of("SQLite, read back for verify", "M rows/s", read, with(source, store, "one thread"))};
}

// -- line protocol

struct LineServer {
  std::string name;       // "VictoriaMetrics"
  std::string sink;       // "influx1:URL"
  std::string write_url;  // for prebuilt bodies
  SinkSettings settings;
  std::string metrics;  // host:port that counts rows for Telegraf; empty: it is not asked
};

/// Bodies of 5,000 points, as the sink would write them of such tweets.
std::vector<std::string> prebuilt(std::uint64_t points, std::int64_t wall_ms) {
  const TweetGenerator generator(TweetSettings{});
  const Mix mix = usual_mix();
  LineWriter writer(false);
  std::vector<std::string> bodies;
  for (std::uint64_t i = 0; i < points; ++i) {
    if (i % kPoints == 0) bodies.emplace_back();
    const Tweet tweet = generator.tweet(1, i, wall_ms, mix, i / 8000);
    const auto sentiment = static_cast<Sentiment>(
        std::ranges::find(kSentimentNames, tweet.sentiment) - std::begin(kSentimentNames));
    const auto offset = static_cast<std::int64_t>(i / kPartitions);
    writer.tweet(bodies.back(), {"prebuilt", static_cast<std::int32_t>(i % kPartitions)},
                 PointTimes::time_of(wall_ms, offset),
                 {.tweet_id = tweet.tweet_id,
                  .timestamp = tweet.timestamp,
                  .text = tweet.text,
                  .brand = tweet.brand,
                  .sentiment = tweet.sentiment},
                 sentiment);
  }
  return bodies;
}

/// Gives up when the server takes none for a while.
class SomePatience final : public Patience {
 public:
  bool wait(Nanos time, const Error&) override {
    std::this_thread::sleep_for(std::chrono::nanoseconds(time));
    return ++tries_ < 20;
  }
  bool over() const override { return false; }

 private:
  int tries_ = 0;
};

Result<double> post_prebuilt(const BenchContext& context, const LineServer& server,
                             const std::vector<std::string>& bodies, std::uint64_t points) {
  LinePoster poster({.urls = {server.write_url},
                     .authorization = server.settings.influx_token.empty()
                                          ? std::string()
                                          : "Token " + server.settings.influx_token,
                     .connections = kConnections},
                    context.clock);
  SomePatience patience;
  poster.be_patient_with(patience);
  const Nanos begun = context.clock.now();
  for (const std::string& text : bodies) {
    Body body = poster.fresh(0);
    body.text = text;
    body.lines.resize(1);
    if (Status posted = poster.post(std::move(body)); !posted) return posted.error();
  }
  if (Status finished = poster.finish(); !finished) return finished.error();
  if (!poster.take_refused().empty())
    return Error{.message = fmt::format("{} refused prebuilt bodies", server.name)};
  return static_cast<double>(points) * 1e9 / static_cast<double>(context.clock.now() - begun);
}

/// How many values VictoriaMetrics has taken over its InfluxDB doors.
Result<double> values_taken(const std::string& at) {
  const auto address = parse_address(at);
  if (!address) return address.error();
  auto reply = http_call(*address, "GET", "/metrics");
  if (!reply) return std::move(reply).error();
  constexpr std::string_view kName = "vm_rows_inserted_total{type=\"influx\"} ";
  const auto line = reply->body.find(kName);
  if (line == std::string::npos) return Error{.message = "VictoriaMetrics counts no rows"};
  return std::strtod(reply->body.c_str() + line + kName.size(), nullptr);
}

/// What Telegraf has complained of last; it logs errors alone.
std::string telegraf_said(const std::string& folder) {
  std::ifstream log(folder + "/telegraf.log");
  std::string last = "nothing";
  for (std::string line; std::getline(log, line);)
    if (!line.empty()) last = line;
  return last;
}

/// What Telegraf stored after its first value, and in what time.
struct Taken {
  double lines;
  Nanos took;
};

/// Telegraf from a topic of lines, timed from its first value to its last.
Result<Taken> telegraf(const BenchContext& context, const Source& source, const LineServer& server,
                       const std::string& folder) {
  const auto before = values_taken(server.metrics);
  if (!before) return before.error();
  auto child = Child::start(
      "export DS_STATE=\"$1\"; mkdir -p \"$1\"; shift; exec setpriv "
      "--pdeathsig TERM \"$@\"",
      {folder, sibling_script(context.kafka_script, "telegraf/telegraf.sh"), "run",
       joined(source.broker->brokers()), "lines", "http://" + server.metrics, "telegraf"});
  if (!child) return std::move(child).error();
  const double wanted = static_cast<double>(source.records);  // its lines have one field each
  Nanos first = 0;
  double at_first = 0, taken = 0;
  std::optional<Taken> all;
  for (const Nanos until = context.clock.now() + kTelegrafMax; context.clock.now() < until;) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    const auto now = values_taken(server.metrics);
    if (!now) continue;
    taken = *now - *before;
    if (first == 0 && taken > 0) first = context.clock.now(), at_first = taken;
    if (taken < wanted) continue;
    all = Taken{.lines = wanted - at_first, .took = context.clock.now() - first};
    break;
  }
  (*child)->signal(SIGTERM);
  (*child)->wait();
  if (all) return *all;
  return Error{
      .code = ErrorCode::kTimeout,
      .message = fmt::format("Telegraf stored {:.0f} of {:.0f} lines in {} s and said: {}", taken,
                             wanted, kTelegrafMax / kSecond, telegraf_said(folder))};
}

/// Lines of one field, which is the least for Telegraf; the payload that repeats them.
std::string telegraf_lines(const BenchContext& context) {
  const std::string path = context.folder + "/lines.txt";
  std::ofstream file(path);
  for (std::uint64_t i = 0; i < 4096; ++i)
    file << fmt::format(
        "tweets,brand=SuperCoffee,partition=lines/{},sentiment=positive count=1i {}\n",
        i % kPartitions,
        PointTimes::time_of(context.clock.wall_ms(), static_cast<std::int64_t>(i)));
  return "file:" + path;
}

/// Telegraf's rate from `source`, which is given as many lines again while all of them go by faster
/// than they can be timed.
Result<double> telegraf_rate(const BenchContext& context, Source& source,
                             const LineServer& server) {
  const std::string payload = telegraf_lines(context);
  for (;;) {
    auto taken = telegraf(context, source, server, context.folder + "/telegraf");
    if (!taken) return std::move(taken).error();
    if (taken->took >= kTelegrafMin) return taken->lines * 1e9 / static_cast<double>(taken->took);
    const std::uint64_t had = source.records;
    if (had > kTelegrafMostLines)
      return Error{.message = fmt::format("Telegraf took {} lines at once: not timed", had)};
    if (Status filled = fill(context, source, "lines", had, payload); !filled)
      return std::move(filled).error();
    source.records += had;
  }
}

Rows lines(const BenchContext& context, const LineServer& server, std::uint64_t records) {
  Source source, for_telegraf;
  if (Status filled = fill(context, source, "tweets", records); !filled)
    return std::move(filled).error();
  std::string no_telegraf = "it is asked to write into VictoriaMetrics only";
  const std::string script = sibling_script(context.kafka_script, "telegraf/telegraf.sh");
  if (!server.metrics.empty())
    no_telegraf = script_says(script, "built")
                      ? ""
                      : fmt::format("Telegraf is not built; run: {} build", script);
  if (no_telegraf.empty()) {
    for_telegraf.broker = nullptr;
    for_telegraf.folder = context.folder + "/telegraf-source";
    auto broker = ServedBroker::start(for_telegraf.folder, {"--durability", "memory"});
    if (!broker) return std::move(broker).error();
    for_telegraf.broker = std::move(*broker);
    if (Status filled = fill(context, for_telegraf, "lines",
                             std::max<std::uint64_t>(records / 4, 40'000), telegraf_lines(context));
        !filled)
      return std::move(filled).error();
  }
  std::vector<double> plain, ours, share, theirs, times;
  for (int run = 0; run < context.runs; ++run) {
    const auto bodies = prebuilt(source.records, context.clock.wall_ms() + run);
    auto bare = post_prebuilt(context, server, bodies, source.records);
    if (!bare) return std::move(bare).error();
    auto sink = make_sink(server.sink, server.settings, context.clock, context.log);
    if (!sink) return std::move(sink).error();
    auto rate = source.drain(context, "tweets", std::move(*sink));
    if (!rate) return std::move(rate).error().while_trying("store into " + server.name);
    plain.push_back(*bare / 1e6);
    ours.push_back(*rate / 1e6);
    share.push_back(*rate / *bare);
    if (!no_telegraf.empty()) continue;
    auto peer = telegraf_rate(context, for_telegraf, server);
    if (!peer) {  // a peer that does not get there is no reason to measure nothing
      no_telegraf = peer.error().message;
      continue;
    }
    theirs.push_back(*peer / 1e6);
    times.push_back(*rate / *peer);
  }
  const Conditions from_kafka = with(
      source, server.name,
      fmt::format("raw points from a topic in the embedded broker, {} connections, {} points a "
                  "request, a single server on the same cores",
                  kConnections, kPoints));
  std::vector<BenchRow> rows{
      row_of(server.name + ", prebuilt bodies", "M points/s", plain,
             with(source, server.name,
                  fmt::format("the same points as finished bodies of {}, {} connections", kPoints,
                              kConnections))),
      row_of(server.name, "M points/s", ours, from_kafka),
      row_of(server.name + " / prebuilt", "ratio", share, from_kafka).with_goal("P9", true, 0.8)};
  if (!no_telegraf.empty()) {
    if (!server.metrics.empty()) rows.push_back(skipped_row("Telegraf", no_telegraf));
    return rows;
  }
  rows.push_back(row_of("Telegraf", "M points/s", theirs,
                        with(for_telegraf, server.name,
                             "Telegraf 1.37.2 from a topic of finished lines with one field, "
                             "max_undelivered_messages 100000, metric_batch_size 10000, start left "
                             "out")));
  rows.push_back(row_of("ours / Telegraf", "ratio", times, from_kafka).with_goal("P9", true, 3));
  return rows;
}

Rows victoria(const BenchContext& context) {
  const std::string script = sibling_script(context.kafka_script, "victoria/victoria.sh");
  auto server = StoreServer::start(script, "start", "stop", context.folder + "/stores");
  if (!server) return std::vector<BenchRow>{skipped_row("VictoriaMetrics", server.error().message)};
  const std::string url = (*server)->setting("VICTORIA_URL");
  return lines(context,
               {.name = "VictoriaMetrics",
                .sink = "influx1:" + url,
                .write_url = url + "/write?db=brandpulse&precision=ns",
                .settings = {.influx_connections = kConnections, .influx_points = kPoints},
                .metrics = url.substr(url.find("//") + 2)},
               context.scaled(1'000'000));
}

Rows influx(const BenchContext& context) {
  const std::string script = sibling_script(context.kafka_script, "influx/influx.sh");
  if (!script_says(script, "built2"))
    return std::vector<BenchRow>{
        skipped_row("InfluxDB 2.7", fmt::format("it is not built; run: {} build2", script))};
  auto server = StoreServer::start(script, "start2", "stop2", context.folder + "/stores");
  if (!server) return std::vector<BenchRow>{skipped_row("InfluxDB 2.7", server.error().message)};
  const std::string url = (*server)->setting("INFLUX2_URL"),
                    org = (*server)->setting("INFLUX2_ORG"),
                    bucket = (*server)->setting("INFLUX2_BUCKET");
  return lines(
      context,
      {.name = "InfluxDB 2.7",
       .sink = "influx:" + url,
       .write_url = fmt::format("{}/api/v2/write?org={}&bucket={}&precision=ns", url, org, bucket),
       .settings = {.influx_org = org,
                    .influx_token = (*server)->setting("INFLUX2_TOKEN"),
                    .influx_bucket = bucket,
                    .influx_connections = kConnections,
                    .influx_points = kPoints}},
      context.scaled(400'000));
}

Rows mongo(const BenchContext& context) {
  const std::string script = sibling_script(context.kafka_script, "mongo/mongo.sh");
  auto server = StoreServer::start(script, "start", "stop", context.folder + "/stores");
  if (!server) return std::vector<BenchRow>{skipped_row("MongoDB", server.error().message)};
  Source source;
  if (Status filled = fill(context, source, "tweets", context.scaled(100'000)); !filled)
    return std::move(filled).error();
  std::vector<double> rates;
  for (int run = 0; run < context.runs; ++run) {
    auto sink = make_sink(fmt::format("mongo:{}/bench{}", (*server)->setting("MONGO_URI"), run), {},
                          context.clock, context.log);
    if (!sink) return std::move(sink).error();
    auto rate = source.drain(context, "tweets", std::move(*sink));
    if (!rate) return std::move(rate).error().while_trying("store into MongoDB");
    rates.push_back(*rate / 1e3);
  }
  return std::vector<BenchRow>{row_of(
      "MongoDB's protocol", "K documents/s", rates,
      with(source, "mongo-java-server, memory",
           "a stand-in that speaks the protocol: says what our side can do, nothing of MongoDB"))};
}

}  // namespace

Rows bench_sinks(const BenchContext& context) {
  std::vector<BenchRow> rows;
  for (const auto part : {sqlite, victoria, influx, mongo})
    if (Status added = add_rows(rows, part(context)); !added) return std::move(added).error();
  return rows;
}

}  // namespace ds
