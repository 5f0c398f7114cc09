#include "report/gather.h"

#include <fmt/chrono.h>

#include <algorithm>
#include <ctime>
#include <unordered_map>

#include "base/units.h"
#include "ledger/reading_numbers.h"
#include "record/identity.h"
#include "report/producer_table.h"
#include "report/values.h"

namespace ds {
namespace {

constexpr std::size_t kMissingShown = 8;        // ranges a producer
constexpr std::size_t kDelaySpansMax = 20'000;  // intervals of the delay over time

/// What is claimed of the run that is reported on.
struct Claimed {
  const ClaimedRun* run = nullptr;
  std::optional<ReadingRun> readings = std::nullopt;  // of sensors
};

Result<Claimed> choose_claims(const ClaimBook& book, const StoredTopic& topic,
                              const std::string& name) {
  Claimed chosen;
  std::string known;
  for (const auto& [id, claimed] : book.runs()) {
    const bool readings = claimed.run.payload == kReadingPayload;
    if (claimed.run.topic != topic.topic || readings != topic.readings) continue;
    known += " " + run_name(id);
    const bool wanted = name == "latest" ? chosen.run == nullptr ||
                                               chosen.run->run.started_ms < claimed.run.started_ms
                                         : name == run_name(id);
    if (wanted) chosen.run = &claimed;
  }
  if (chosen.run == nullptr && name != "latest")
    return Error{
        .code = ErrorCode::kUsage,
        .message = fmt::format("no run '{}' is claimed of the topic {}", name, topic.topic),
        .hint = known.empty() ? "leave --run out: then sequence numbers tell what was sent"
                              : "latest, or one of:" + known};
  if (chosen.run != nullptr && topic.readings) {
    chosen.readings = ReadingRun::from(chosen.run->run);
    if (!chosen.readings) chosen.run = nullptr;  // of a later version, or strange
  }
  return chosen;
}

/// Delay to the store of what was made in an interval; coarser when there are too many intervals.
class DelayOverTime {
 public:
  explicit DelayOverTime(std::int64_t width_ms) : width_ms_(width_ms) {}

  void add(std::int64_t made_ms, std::int64_t delay_ms) {
    constexpr std::int64_t kSane = std::int64_t{1} << 53;
    const std::int64_t at = std::clamp(made_ms, -kSane, kSane) / width_ms_;
    if (span_ == nullptr || at != last_) {
      last_ = at;
      span_ = &spans_[at];
      if (spans_.size() > kDelaySpansMax) return widen(made_ms, delay_ms);
    }
    const auto delay = static_cast<double>(delay_ms);
    span_->max = span_->count == 0 ? delay : std::max(span_->max, delay);
    ++span_->count;
    span_->sum += delay;
  }
  std::vector<DelayPoint> points() const {
    std::vector<DelayPoint> points;
    for (const auto& [at, span] : spans_)
      if (span.count > 0)
        points.push_back({at * width_ms_, span.sum / static_cast<double>(span.count), span.max});
    std::ranges::sort(points, {}, &DelayPoint::at_ms);
    return points;
  }

 private:
  struct Span {
    std::uint64_t count = 0;
    double sum = 0, max = 0;
  };
  void widen(std::int64_t made_ms, std::int64_t delay_ms) {
    std::unordered_map<std::int64_t, Span> wider;
    for (const auto& [at, span] : spans_) {
      if (span.count == 0) continue;
      Span& into = wider[at / 2];
      into.max = into.count == 0 ? span.max : std::max(into.max, span.max);
      into.count += span.count;
      into.sum += span.sum;
    }
    spans_ = std::move(wider);
    width_ms_ *= 2;
    span_ = nullptr;
    add(made_ms, delay_ms);
  }

  std::int64_t width_ms_;
  std::unordered_map<std::int64_t, Span> spans_;
  std::int64_t last_ = 0;
  Span* span_ = nullptr;
};

class Gathering {
 public:
  Gathering(const StoredTopic& topic, const Claimed& claimed, const ReportSettings& settings)
      : topic_(topic),
        claimed_(claimed),
        settings_(settings),
        width_ms_(std::max<std::int64_t>(1, settings.interval / kMillisecond)),
        made_(width_ms_),
        kafka_(width_ms_),
        stored_(width_ms_),
        over_time_(width_ms_) {
    if (claimed.run != nullptr) run_ = claimed.run->run.run;
  }

  void take(std::span<const StoredRow> slice) {
    for (const StoredRow& row : slice) take(row);
  }
  void take_numbers(std::uint64_t run, std::uint32_t stream, Interval range) {
    if (run_ && run != *run_) return;
    ProducerHeld& producer = producers_.of(stream);
    const std::uint64_t known = producer.found.add(range);
    producer.repeated += known;
    producer.next = std::max(producer.next, range.end);
    by_number_alone_ += range.size() - known;
  }

  Report finish(const RowReader& rows, const RowsRead& read) {
    Report report{.version = settings_.version,
                  .source = rows.name(),
                  .topic = topic_.topic,
                  .payload = topic_.readings ? "reading" : "tweet",
                  .run = run_ ? run_name(*run_) : "",
                  .sent_known_by = claimed_.run != nullptr ? "claims" : "sequence numbers",
                  .made_at_ms = settings_.now_ms,
                  .interval_ms = width_ms_,
                  .rows = rows_,
                  .unnumbered = unnumbered_,
                  .by_number_alone = by_number_alone_,
                  .of_other_runs = of_other_runs_,
                  .of_other_topics = read.of_other_topics};
    put_rates(report);
    if (claimed_.run != nullptr) {
      report.curves = curves_of(*claimed_.run, width_ms_);
      report.spacing = spacing_of(*claimed_.run);
    }
    put_delays(report);
    put_values(report);
    put_producers(report);
    put_notes(report);
    return report;
  }
  std::uint64_t rows() const { return rows_ + by_number_alone_; }
  std::uint64_t of_other_runs() const { return of_other_runs_; }

 private:
  void take(const StoredRow& row) {
    if (!is_of_run(row)) {
      ++of_other_runs_;
      return;
    }
    ++rows_;
    if (row.made_ms != kNoTime) made_.add(row.made_ms);
    if (row.kafka_ms != kNoTime) kafka_.add(row.kafka_ms);
    if (row.db_ms != kNoTime) stored_.add(row.db_ms);
    if (topic_.readings) values_.add(row.value, row.sequence);
    const bool timed = row.db_ms != kNoTime && row.made_ms != kNoTime;
    if (timed) {
      to_store_.add(row.db_ms - row.made_ms);
      over_time_.add(row.made_ms, row.db_ms - row.made_ms);
      if (row.kafka_ms != kNoTime) {
        to_topic_.add(row.kafka_ms - row.made_ms);
        from_topic_.add(row.db_ms - row.kafka_ms);
      }
    }
    if (!row.numbered) {
      ++unnumbered_;
      return;
    }
    ProducerHeld& producer = producers_.of(row.producer);
    const auto sequence = static_cast<std::uint64_t>(row.sequence);
    ++producer.rows;
    producer.repeated += producer.found.add({sequence, sequence + 1});
    producer.next = std::max(producer.next, sequence + 1);
    if (row.made_ms != kNoTime && (producer.first_ms == kNoTime || row.made_ms < producer.first_ms))
      producer.first_ms = row.made_ms;
    if (timed) producer.delay.add(row.db_ms - row.made_ms);
  }

  bool is_of_run(const StoredRow& row) {
    if (!row.numbered) return true;
    if (topic_.readings)
      return !claimed_.readings || claimed_.readings->has(row.producer, row.made_ms);
    if (!run_) run_ = row.run;  // without claims the first run that is met
    return row.run == *run_;
  }

  void put_rates(Report& report) {
    const auto put = [&](const char* stage, const char* column, const Throughput& times) {
      auto points = times.points();
      if (points.empty()) return;
      std::uint64_t rows = 0;
      for (const auto& point : points) rows += point.count;
      report.rates.push_back({.stage = stage,
                              .column = column,
                              .rows = rows,
                              .first_ms = points.front().at_ms,
                              .last_ms = points.back().at_ms,
                              .interval_ms = times.width_ms(),
                              .per_second = times.per_second(),
                              .points = std::move(points)});
    };
    put("made", "timestamp_producer", made_);
    put("in the topic", "timestamp_kafka", kafka_);
    put("in the store", "timestamp_db", stored_);
  }

  void put_delays(Report& report) {
    const auto put = [&](const char* name, const DelaySketch& sketch) {
      const Moments& moments = sketch.moments();
      if (moments.count() == 0) return;
      StageDelay delay{.name = name,
                       .count = moments.count(),
                       .negative = sketch.negative(),
                       .mean_ms = moments.mean(),
                       .sd_ms = moments.sd(),
                       .min_ms = moments.min(),
                       .max_ms = moments.max(),
                       .p50_ms = sketch.quantile(0.5).value_or(0),
                       .p90_ms = sketch.quantile(0.9).value_or(0),
                       .p99_ms = sketch.quantile(0.99).value_or(0),
                       .p999_ms = sketch.quantile(0.999).value_or(0)};
      for (const auto& bar : sketch.bars())
        delay.bars.push_back(
            {static_cast<double>(bar.from_ms), static_cast<double>(bar.to_ms), bar.count});
      report.delays.push_back(std::move(delay));
    };
    put("made to stored", to_store_);
    put("made to topic", to_topic_);
    put("topic to stored", from_topic_);
    report.delay_over_time = over_time_.points();
  }

  void put_values(Report& report) {
    if (!topic_.readings || values_.moments().count() == 0) return;
    report.values = values_.summary();
    const bool told = settings_.distribution.has_value();
    const auto sent = told                ? settings_.distribution
                      : claimed_.readings ? std::optional(claimed_.readings->distribution)
                                          : std::nullopt;
    ShapeOfValues shape = shape_of(values_, sent, told ? "told" : "claimed");
    report.fit = std::move(shape.fit);
    report.histogram = std::move(shape.bars);
  }

  /// What one producer sent, as far as is known.
  struct Sent {
    IntervalSet numbers;       // all
    IntervalSet acknowledged;  // of them, or with acks=0 written
  };
  Sent sent_by(const ProducerHeld& producer) const {
    Sent sent;
    if (claimed_.run == nullptr) {
      if (producer.next > 0) sent.numbers.add(0, producer.next);
      sent.acknowledged = sent.numbers;
      return sent;
    }
    const auto stream =
        claimed_.run->streams.find(claimed_.readings ? 0 : static_cast<std::uint32_t>(producer.id));
    if (stream == claimed_.run->streams.end()) return sent;
    const StreamClaim& claim = stream->second;
    const auto own = [&](const IntervalSet& numbers) {
      return claimed_.readings ? claimed_.readings->of_producer(producer.id, numbers) : numbers;
    };
    sent.acknowledged = own(claim.acknowledged);
    sent.acknowledged.add(own(claim.written));
    sent.numbers = sent.acknowledged;
    sent.numbers.add(own(claim.failed));
    sent.numbers.add(own(claim.unknown));
    return sent;
  }

  /// The producers of whom nothing was stored are in the table too.
  void meet_all() {
    if (claimed_.readings)
      for (std::uint32_t i = 0; i < claimed_.readings->producers; ++i)
        producers_.of(claimed_.readings->first_producer + i);
    else if (claimed_.run != nullptr)
      for (const auto& [stream, claim] : claimed_.run->streams) producers_.of(stream);
  }

  void put_producers(Report& report) {
    meet_all();
    for (ProducerHeld& producer : producers_.all()) {
      Sent sent = sent_by(producer);
      ProducerRow row{.id = producer.id, .repeated = producer.repeated};
      // A producer that was killed leaves more than it could claim.
      producer.found.each_there([&](Interval range, std::uint64_t count) {
        if (count == range.size()) sent.numbers.add(range);
      });
      row.sent = std::max(sent.numbers.count(), producer.found.count());
      row.stored = producer.found.count();
      row.loss = row.sent - row.stored;
      const auto name = [&](Interval range, std::uint64_t count) {
        if (row.missing.size() == kMissingShown) return;
        if (count != range.size())
          row.missing.push_back(fmt::format("{} of {}-{}", count, range.begin, range.end - 1));
        else
          row.missing.push_back(count == 1 ? fmt::format("{}", range.begin)
                                           : fmt::format("{}-{}", range.begin, range.end - 1));
      };
      std::uint64_t acknowledged_missing = 0;
      producer.found.each_missing(
          sent.acknowledged, [&](Interval, std::uint64_t count) { acknowledged_missing += count; });
      row.loss_unacknowledged = row.loss - std::min(row.loss, acknowledged_missing);
      if (row.loss > 0) producer.found.each_missing(sent.numbers, name);
      if (producer.first_ms != kNoTime) row.first_sent = producer.first_ms;
      if (claimed_.readings && row.sent > 0)
        row.first_sent = claimed_.readings
                             ->reading(static_cast<std::uint64_t>(
                                 producer.id - claimed_.readings->first_producer))
                             .timestamp_producer;
      if (producer.delay.moments().count() > 0) {
        row.delay_mean_ms = producer.delay.moments().mean();
        row.delay_sd_ms = producer.delay.moments().sd();
        row.delay_p99_ms = producer.delay.quantile(0.99);
      }
      report.sent += row.sent;
      report.stored += row.stored;
      report.loss += row.loss;
      report.loss_unacknowledged += row.loss_unacknowledged;
      report.repeated += row.repeated;
      report.producers.push_back(std::move(row));
    }
    std::ranges::sort(report.producers, {}, &ProducerRow::id);
  }

  void put_notes(Report& report) {
    const auto note = [&](std::string words) { report.notes.push_back(std::move(words)); };
    if (claimed_.run == nullptr)
      note(
          "What was sent is known by sequence numbers, from 0 to the highest that is stored: what "
          "was lost behind the last one, and producers of whom nothing came, are not shown.");
    else if (claimed_.run->run.ended_ms == 0)
      note("The run has not said that it ended: what it sent is known up to its last claim.");
    if (claimed_.run == nullptr && report.repeated > 0)
      note(
          fmt::format("{} rows repeat a number of their producer: several runs of the same "
                      "sensors, or doubles. Without claims they cannot be told apart.",
                      with_commas(report.repeated)));
    if (of_other_runs_ > 0)
      note(
          fmt::format("{} rows of other runs were left out (--run).", with_commas(of_other_runs_)));
    if (report.of_other_topics > 0)
      note(fmt::format("{} rows of other topics were left out (--topic).",
                       with_commas(report.of_other_topics)));
    if (unnumbered_ > 0)
      note(fmt::format("{} rows do not say whose they are: they count for rates alone.",
                       with_commas(unnumbered_)));
    if (by_number_alone_ > 0)
      note(
          fmt::format("{} records have no row any more (trimmed, or rolled up): they count as "
                      "stored, and have no times.",
                      with_commas(by_number_alone_)));
    if (!topic_.readings && report.delays.empty())
      note("This store keeps no times of topic and store for tweets, so no delays are shown.");
    if (to_store_.negative() + to_topic_.negative() + from_topic_.negative() > 0)
      note("Some delays are negative: the clocks of two machines differ. They count as they are.");
    if (topic_.readings && !values_.is_whole())
      note(fmt::format("The shape of the values is judged by {} of them, drawn evenly.",
                       with_commas(values_.sample().size())));
    if (values_.not_finite() > 0)
      note(fmt::format("{} values are no finite numbers.", with_commas(values_.not_finite())));
    if (made_.width_ms() != width_ms_ || stored_.width_ms() != width_ms_)
      note("The times span more intervals than can be shown: they were made longer.");
  }

  const StoredTopic topic_;
  const Claimed claimed_;
  const ReportSettings& settings_;
  const std::int64_t width_ms_;
  std::optional<std::uint64_t> run_;

  std::uint64_t rows_ = 0, unnumbered_ = 0, of_other_runs_ = 0, by_number_alone_ = 0;
  Throughput made_, kafka_, stored_;
  DelaySketch::Budget whole_{16 << 20};
  DelaySketch to_store_{whole_}, to_topic_{whole_}, from_topic_{whole_};
  DelayOverTime over_time_;
  ValueSample values_;
  ProducerTable producers_;
};

Result<StoredTopic> choose_topic(RowReader& rows, const std::string& wanted) {
  auto topics = rows.topics();
  if (!topics) return std::move(topics).error();
  if (topics->empty())
    return Error{.message = fmt::format("{} holds no readings and no tweets", rows.name()),
                 .hint = "store some first: datastorm consume --sink …"};
  if (wanted.empty()) return topics->front();
  const auto found = std::ranges::find(*topics, wanted, &StoredTopic::topic);
  if (found != topics->end()) return *found;
  // Its rows may lie before those of a newer topic.
  return StoredTopic{wanted, topics->front().readings};
}

}  // namespace

Result<Report> make_report(RowReader& rows, const ClaimBook& claims,
                           const ReportSettings& settings) {
  auto topic = choose_topic(rows, settings.topic);
  if (!topic) return std::move(topic).error();
  auto claimed = choose_claims(claims, *topic, settings.run);
  if (!claimed) return std::move(claimed).error();
  Gathering gathering(*topic, *claimed, settings);
  if (!topic->readings)
    if (auto read = rows.read_numbers([&](std::uint64_t run, std::uint32_t stream, Interval range) {
          gathering.take_numbers(run, stream, range);
        });
        !read)
      return std::move(read).error();
  auto read = rows.read(*topic, [&](std::span<const StoredRow> slice) { gathering.take(slice); });
  if (!read) return std::move(read).error();
  if (gathering.rows() == 0 && (claimed->run == nullptr || claimed->run->streams.empty()))
    return Error{
        .message = fmt::format("{} holds no row of the topic {}", rows.name(), topic->topic),
        .hint = gathering.of_other_runs() > 0 ? "there are rows of other runs: name one with --run"
                                              : "name another with --topic"};
  return gathering.finish(rows, *read);
}

}  // namespace ds
