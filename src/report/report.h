// What a report says: a value that is written out as JSON, CSV, page and plots, and compared.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "report/curves.h"
#include "report/fit.h"
#include "report/summary.h"
#include "report/throughput.h"

namespace ds {

/// Records a second as one of the rows' times has them.
struct StageRate {
  std::string stage;   // "made", "in the topic", "in the store"
  std::string column;  // "timestamp_producer", "timestamp_kafka", "timestamp_db"
  std::uint64_t rows = 0;
  std::int64_t first_ms = 0, last_ms = 0;
  std::int64_t interval_ms = 1000;
  Summary per_second;
  std::vector<Throughput::Point> points = {};

  static void fields(auto& self, auto& io) {
    io("stage", self.stage);
    io("column", self.column);
    io("rows", self.rows);
    io("first_ms", self.first_ms);
    io("last_ms", self.last_ms);
    io("interval_ms", self.interval_ms);
    io("per_second", self.per_second);
  }
};

/// From one of the rows' times to a later one, in milliseconds.
struct StageDelay {
  std::string name;  // "made to stored"
  std::uint64_t count = 0;
  std::uint64_t negative = 0;  // the clocks of two machines: counted as they are, never clipped
  double mean_ms = 0, sd_ms = 0, min_ms = 0, max_ms = 0;
  double p50_ms = 0, p90_ms = 0, p99_ms = 0, p999_ms = 0;
  struct Bar {
    double from_ms, to_ms;
    std::uint64_t count;
  };
  std::vector<Bar> bars = {};

  static void fields(auto& self, auto& io) {
    io("name", self.name);
    io("count", self.count);
    io("negative", self.negative);
    io("mean_ms", self.mean_ms);
    io("sd_ms", self.sd_ms);
    io("min_ms", self.min_ms);
    io("p50_ms", self.p50_ms);
    io("p90_ms", self.p90_ms);
    io("p99_ms", self.p99_ms);
    io("p999_ms", self.p999_ms);
    io("max_ms", self.max_ms);
  }
};

/// The delay to the store of what was made in an interval.
struct DelayPoint {
  std::int64_t at_ms;
  double mean_ms, max_ms;
};

/// A row of the table of producers; `loss` = sent - stored, to the packet.
struct ProducerRow {
  std::int64_t id = 0;
  std::optional<std::int64_t> first_sent = {};  // ms since 1970; nothing when none was stored
  std::uint64_t sent = 0;
  std::uint64_t stored = 0;  // different ones
  std::uint64_t loss = 0;
  std::uint64_t loss_unacknowledged = 0;  // of the loss, what nobody had acknowledged
  std::uint64_t repeated = 0;             // rows beyond the first of a number
  std::optional<double> delay_mean_ms = {}, delay_sd_ms = {}, delay_p99_ms = {};
  std::vector<std::string> missing = {};  // "12", "40-42": the first ranges

  static void fields(auto& self, auto& io) {
    io("id", self.id);
    io("first_sent", self.first_sent);
    io("sent", self.sent);
    io("stored", self.stored);
    io("loss", self.loss);
    io("loss_unacknowledged", self.loss_unacknowledged);
    io("repeated", self.repeated);
    io("delay_mean_ms", self.delay_mean_ms);
    io("delay_sd_ms", self.delay_sd_ms);
    io("delay_p99_ms", self.delay_p99_ms);
    io("missing", self.missing);
  }
};

/// "PRODUCER 7. First sent at 2026-11-21 12:00:05.250Z, loss 0 packet(s)"
std::string sentence_of(const ProducerRow& row);
/// "2026-11-21 12:00:05.250Z"
std::string shown_ms(std::int64_t since_1970_ms);

struct Report {
  std::string version;
  std::string source;  // "sqlite readings.db"
  std::string topic;
  std::string payload = "reading";  // or "tweet"
  std::string run;                  // empty: not known
  std::string sent_known_by;        // "claims" or "sequence numbers"
  std::int64_t made_at_ms = 0;
  std::int64_t interval_ms = 1000;
  std::uint64_t rows = 0;  // of the run, doubles among them
  std::uint64_t sent = 0, stored = 0, loss = 0, loss_unacknowledged = 0, repeated = 0;
  std::uint64_t unnumbered = 0;       // rows whose producer cannot be told
  std::uint64_t by_number_alone = 0;  // of the stored, what has no row any more
  std::uint64_t of_other_runs = 0, of_other_topics = 0;
  std::vector<StageRate> rates = {};
  std::optional<Curves> curves = {};  // where they are claimed
  std::optional<Spacing> spacing = {};
  std::vector<StageDelay> delays = {};
  std::vector<DelayPoint> delay_over_time = {};
  std::optional<Summary> values = {};
  std::optional<Fit> fit = {};
  std::vector<HistogramBar> histogram = {};
  std::vector<ProducerRow> producers = {};
  std::vector<std::string> notes = {};  // what it cannot show, and what was left out

  double loss_share() const {
    return sent == 0 ? 0 : static_cast<double>(loss) / static_cast<double>(sent);
  }

  static void fields(auto& self, auto& io) {
    io("command", std::string("report"));
    io("version", self.version);
    io("source", self.source);
    io("topic", self.topic);
    io("payload", self.payload);
    io("run", self.run);
    io("sent_known_by", self.sent_known_by);
    io("made_at_ms", self.made_at_ms);
    io("interval_ms", self.interval_ms);
    io("rows", self.rows);
    io("sent", self.sent);
    io("stored", self.stored);
    io("loss", self.loss);
    io("loss_unacknowledged", self.loss_unacknowledged);
    io("loss_share", self.loss_share());
    io("repeated", self.repeated);
    io("unnumbered", self.unnumbered);
    io("by_number_alone", self.by_number_alone);
    io("of_other_runs", self.of_other_runs);
    io("of_other_topics", self.of_other_topics);
    io("throughput", self.rates);
    io("curves", self.curves);
    io("spacing", self.spacing);
    io("delays", self.delays);
    io("values", self.values);
    io("fit", self.fit);
    io("histogram", self.histogram);
    io("producers", self.producers);
    io("notes", self.notes);
  }
};

/// A figure that limits can be set on, and comparisons are made of: "loss", "rate", "p99" ….
struct Figure {
  std::string name;
  double value = 0;
  enum class Unit { kCount, kRate, kMs, kShare } unit = Unit::kCount;
  enum class Better { kNone, kLess, kMore } better = Better::kNone;
};
std::vector<Figure> figures_of(const Report& report);

}  // namespace ds
