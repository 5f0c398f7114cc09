// InfluxDB and what speaks its line protocol. Each record is a point whose time names it
// (influx_lines.h), so what is written twice lies there once: at-least-once delivery, exactly-once
// effect. VictoriaMetrics keeps milliseconds, and doubles: description() says so.
//
// A bucket holds raw points or rollups, never both: with `both` the rollups go to
// "<bucket>_rollup".
#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/log.h"
#include "sink/influx_lines.h"
#include "sink/influx_server.h"
#include "sink/line_poster.h"
#include "sink/record_walk.h"
#include "sink/sink.h"
#include "sink/sink_settings.h"

namespace ds {

/// Threads: one. Lifetime: borrows the clock.
/// Cost:    formats while the server writes; a body is formatted once, however often it is sent.
class InfluxSink final : public Sink {
 public:
  /// Asks the server whether it would take a write: wrong address, token, organisation, bucket or
  /// database are told here, and not after records have been read.
  static Result<std::unique_ptr<InfluxSink>> open(InfluxApi api, std::string url,
                                                  const SinkSettings& settings, const Clock& clock);

  Result<Offsets> next_offsets(const LogName&) override { return Offsets(); }
  void be_patient_with(Patience& patience) override { poster_.be_patient_with(patience); }
  Result<Stored> store(std::span<const kafka::Fetched> batches) override;
  std::string description() const override;

 private:
  class Storing;

  InfluxSink(InfluxServer server, const SinkSettings& settings, const Clock& clock,
             LinePoster::Settings poster)
      : server_(std::move(server)),
        settings_(settings),
        poster_(std::move(poster), clock),
        lines_(settings.influx_source_tag),
        decoder_(settings.decode) {}
  Status probe(const std::vector<std::string>& targets);
  Status refuse_mixed(const std::string& bucket, bool rollups);

  const InfluxServer server_;
  const SinkSettings settings_;
  bool exactly_once_ = true;
  LinePoster poster_;
  LineWriter lines_;
  struct Times {
    PointTimes raw, rollup;
  };
  std::map<kafka::TopicPartition, std::unique_ptr<Times>> times_;
  SeenLetters seen_;
  ByteVec scratch_;
  TweetDecoder decoder_;
};

}  // namespace ds
