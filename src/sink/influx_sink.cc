#include "sink/influx_sink.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sink/rollup_count.h"
#include "sink/take_back.h"

namespace ds {
namespace {

constexpr std::string_view kTooMany =
    "a million records before it have its millisecond: its point would overwrite one of them";

/// The records behind a line: one, or with a rollup those of a brand and sentiment in a range.
struct Behind {
  std::uint32_t batch = 0;
  bool rollup = false;
  std::uint8_t sentiment = 0;
  std::uint32_t brand = 0;
  std::int64_t first = 0;  // offsets as they were fetched
  std::int64_t last = 0;
};

}  // namespace

/// What one store() writes.
class InfluxSink::Storing {
 public:
  explicit Storing(InfluxSink& sink)
      : sink_(sink),
        raw_(sink.settings_.store != StoreAs::kRollup),
        rollup_(sink.settings_.store != StoreAs::kRaw),
        rollup_target_(raw_ ? 1 : 0),
        bodies_{sink_.poster_.fresh(0), sink_.poster_.fresh(1)} {}

  void begin(const kafka::Fetched& fetched, std::size_t batch) {
    batch_ = static_cast<std::uint32_t>(batch);
    auto& times = sink_.times_[fetched.from];
    if (!times) times = std::make_unique<Times>();
    times_ = times.get();
  }

  std::string_view tweet(const Place& place, const kafka::RecordView& record,
                         const TweetView& tweet, Sentiment sentiment) {
    if (raw_) {
      if (!may_write(tweet.timestamp, place)) return kTooMany;
      std::string& body = next_line(0, {.first = record.offset, .last = record.offset});
      sink_.lines_.tweet(body, place.from, PointTimes::time_of(tweet.timestamp, place.offset),
                         tweet, sentiment);
    }
    if (rollup_) add_up(place, record.offset, tweet, sentiment);
    if (rollup_ && sink_.settings_.replay) end_rollup(place.from);
    return {};
  }

  std::string_view reading(const Place& place, const kafka::RecordView& record,
                           const Reading& reading) {
    if (!may_write(reading.timestamp_producer, place)) return kTooMany;
    std::string& body = next_line(0, {.first = record.offset, .last = record.offset});
    sink_.lines_.reading(body, place.from, place.offset, record.timestamp,
                         PointTimes::time_of(reading.timestamp_producer, place.offset), reading);
    return {};
  }

  void batch_done(const kafka::TopicPartition& from, const kafka::BatchHeader&) {
    if (rollup_) end_rollup(from);
  }

  /// Everything is confirmed, or refused.
  Status finish() {
    for (Body& body : bodies_)
      if (!body.lines.empty()) post(body);
    if (error_) return *error_;
    return sink_.poster_.finish();
  }

  template <typename Walk>
  void take_back_refused(std::span<const kafka::Fetched> batches, Walk& walk, ByteVec& scratch,
                         TweetDecoder& decoder) {
    const auto refused = sink_.poster_.take_refused();
    std::map<std::uint32_t, std::vector<RefusedLine>> by_batch;
    for (const LinePoster::Refused& each : refused) {
      const Behind& behind = behind_[each.tag];
      by_batch[behind.batch].push_back({.rollup = behind.rollup,
                                        .brand = behind.rollup ? count_.brand(behind.brand) : "",
                                        .sentiment = static_cast<Sentiment>(behind.sentiment),
                                        .first = behind.first,
                                        .last = behind.last,
                                        .why = each.why});
    }
    for (const auto& [batch, lines] : by_batch)
      take_back(batches[batch], lines, walk, scratch, decoder);
  }

  const std::optional<Error>& error() const { return error_; }
  std::uint64_t not_shown() const { return not_shown_; }

 private:
  bool may_write(std::int64_t ms, const Place& place) {
    const auto verdict = times_->raw.look(ms, place.offset);
    if (verdict == PointTimes::Verdict::kNotShown) ++not_shown_;
    return verdict != PointTimes::Verdict::kTaken;
  }

  /// The body that takes one more line; the one before is sent when it is full.
  std::string& next_line(int target, Behind behind) {
    Body& body = bodies_[target];
    if (body.lines.size() >= sink_.settings_.influx_points) post(body);
    body.lines.push_back({body.text.size(), behind_.size()});
    behind.batch = batch_;
    behind_.push_back(behind);
    return body.text;
  }
  void post(Body& body) {
    Body full = std::exchange(body, sink_.poster_.fresh(body.target));
    if (error_) return;
    if (auto posted = sink_.poster_.post(std::move(full)); !posted) error_ = posted.error();
  }

  void add_up(const Place& place, std::int64_t offset, const TweetView& tweet,
              Sentiment sentiment) {
    if (!count_.takes(tweet.timestamp)) end_rollup(place.from);
    count_.add({offset, place.offset}, tweet.timestamp, tweet.brand, sentiment);
  }

  void end_rollup(const kafka::TopicPartition& from) {
    if (count_.empty()) return;
    const auto first = count_.first(), last = count_.last();
    if (times_->rollup.look(count_.first_ms(), first.place) == PointTimes::Verdict::kNotShown)
      not_shown_ += count_.records();
    count_.each([&](std::uint32_t brand, Sentiment sentiment, std::uint64_t count) {
      std::string& body =
          next_line(rollup_target_, {.rollup = true,
                                     .sentiment = static_cast<std::uint8_t>(sentiment),
                                     .brand = brand,
                                     .first = first.offset,
                                     .last = last.offset});
      sink_.lines_.rollup(body, from, PointTimes::time_of(count_.first_ms(), first.place),
                          count_.brand(brand), sentiment, count, first.place, last.place);
      return true;
    });
    count_.clear();
  }

  InfluxSink& sink_;
  const bool raw_, rollup_;
  const int rollup_target_;
  Body bodies_[2];
  std::uint32_t batch_ = 0;
  Times* times_ = nullptr;
  std::vector<Behind> behind_;  // of each line, in the order in which they were made
  RollupCount count_;
  std::uint64_t not_shown_ = 0;
  std::optional<Error> error_;
};

Result<std::unique_ptr<InfluxSink>> InfluxSink::open(InfluxApi api, std::string url,
                                                     const SinkSettings& settings,
                                                     const Clock& clock) {
  auto server = InfluxServer::from(api, std::move(url), settings);
  if (!server) return std::move(server).error();
  const bool both = settings.store == StoreAs::kBoth;
  LinePoster::Settings poster{.authorization = server->authorization,
                              .user = server->user,
                              .password = server->password,
                              .connections = settings.influx_connections,
                              .gzip = settings.influx_gzip,
                              .request_timeout = settings.request_timeout};
  poster.urls.push_back(server->write_url(settings.influx_bucket));
  if (both) poster.urls.push_back(server->write_url(settings.influx_bucket + "_rollup"));
  const auto targets = poster.urls;
  auto sink = std::unique_ptr<InfluxSink>(
      new InfluxSink(std::move(*server), settings, clock, std::move(poster)));
  if (auto probed = sink->probe(targets); !probed) return std::move(probed).error();
  if (auto sound = sink->refuse_mixed(settings.influx_bucket, settings.store == StoreAs::kRollup);
      !sound)
    return std::move(sound).error();
  if (both)
    if (auto sound = sink->refuse_mixed(settings.influx_bucket + "_rollup", true); !sound)
      return std::move(sound).error();
  return sink;
}

/// A comment is a write of nothing that still needs the right to write.
Status InfluxSink::probe(const std::vector<std::string>& targets) {
  for (const std::string& target : targets) {
    const auto reply = poster_.call(target, "# datastorm\n");
    if (!reply) return reply.error();
    exactly_once_ = exactly_once_ && reply->is_influx;
    const auto refused = [&](std::string hint) {
      return Error{.code = ErrorCode::kRefused,
                   .message = fmt::format("{} answered {}", server_.url, reply->message),
                   .hint = std::move(hint)};
    };
    switch (reply->status) {
      case 401:
      case 403:
        return refused("give a token that may write, in INFLUX_TOKEN");
      case 404:
        return refused(server_.api == InfluxApi::kV1
                           ? "make the database, or name yours with --influx-bucket"
                           : "check --influx-org and --influx-bucket; for 1.x: --sink influx1:URL");
      case 429:
      case 500:
      case 502:
      case 503:
      case 504:
        return refused("the server is ill or busy: start again when it is well");
      default:
        break;
    }
  }
  return Done{};
}

/// Sums over a bucket that has both would count everything twice. A token that may not read, or a
/// server that cannot be asked, is no error.
Status InfluxSink::refuse_mixed(const std::string& bucket, bool rollups) {
  Result<LinePoster::Reply> reply = Error{};
  if (server_.api == InfluxApi::kV1)
    reply = poster_.call(server_.query_url(bucket, "show field keys from tweets"), "");
  else
    reply = poster_.call(
        server_.flux_url(),
        fmt::format("import \"influxdata/influxdb/schema\" schema.measurementFieldKeys(bucket: {}, "
                    "measurement: \"tweets\", start: 1970-01-01T00:00:00Z)",
                    nlohmann::json(bucket).dump()),
        "application/vnd.flux");
  if (!reply || reply->status != 200) return Done{};
  const std::string& fields = reply->body;
  const bool has_rollups = fields.find("first_offset") != std::string::npos;
  const bool has_raw =
      fields.find("\"id\"") != std::string::npos || fields.find(",id\r") != std::string::npos;
  if (rollups ? !has_raw : !has_rollups) return Done{};
  return Error{.code = ErrorCode::kUsage,
               .message = fmt::format("the bucket {} holds {}: with {} beside them every sum would "
                                      "count twice",
                                      bucket, rollups ? "raw points" : "rollups",
                                      rollups ? "rollups" : "raw points"),
               .hint = "name another bucket with --influx-bucket"};
}

std::string InfluxSink::description() const {
  return fmt::format("influx {}, bucket {}, {}, {}", server_.url, settings_.influx_bucket,
                     name_of(settings_.store),
                     exactly_once_ ? "exactly once by point times"
                                   : "at least once: the server is not InfluxDB, and may keep "
                                     "doubles");
}

Result<Stored> InfluxSink::store(std::span<const kafka::Fetched> batches) {
  decoder_.forget();
  Storing storing(*this);
  Walk<Storing> walk(storing, settings_, seen_);
  for (std::size_t i = 0; i < batches.size() && !storing.error(); ++i) {
    storing.begin(batches[i], i);
    walk.read(batches[i], scratch_, decoder_);
  }
  if (auto finished = storing.finish(); !finished) {
    poster_.abort();
    return std::move(finished).error();
  }
  storing.take_back_refused(batches, walk, scratch_, decoder_);
  if (auto sent = walk.tray().send(); !sent) return std::move(sent).error();
  walk.keep_seen();
  Stored stored = walk.tally().sum();
  stored.uniqueness_not_shown = storing.not_shown();
  return stored;
}

}  // namespace ds
