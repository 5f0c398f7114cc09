#include "observe/metrics.h"

#include <fmt/format.h>

namespace ds {
namespace {

class Exposition {
 public:
  void family(std::string_view name, std::string_view type, std::string_view help) {
    text_ += fmt::format("# HELP {0} {2}\n# TYPE {0} {1}\n", name, type, help);
  }
  template <typename T>
  void sample(std::string_view name, std::string_view labels, T value) {
    text_ += labels.empty() ? fmt::format("{} {}\n", name, value)
                            : fmt::format("{}{{{}}} {}\n", name, labels, value);
  }
  template <typename T>
  void single(std::string_view name, std::string_view type, std::string_view help, T value) {
    family(name, type, help);
    sample(name, "", value);
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

}  // namespace

std::string prometheus_text(const Snapshot& s) {
  Exposition out;
  out.family("datastorm_records_total", "counter", "Records by how far they have come.");
  const std::pair<const char*, std::uint64_t> counters[] = {
      {"scheduled", s.counters.scheduled},
      {"enqueued", s.counters.enqueued},
      {"written", s.counters.written},
      {"acknowledged", s.counters.acknowledged},
      {"failed", s.counters.failed},
      {"unknown", s.counters.unknown},
      {"read_back", s.counters.read_back},
      {"stored", s.stored},
      {"retired", s.retired},
      {"dead_lettered", s.dead_lettered},
      {"duplicates_suppressed", s.duplicates_suppressed}};
  for (const auto& [state, value] : counters)
    out.sample("datastorm_records_total", fmt::format("state=\"{}\"", state), value);

  out.family("datastorm_tweets_stored_total", "counter", "Tweets stored, by sentiment.");
  out.sample("datastorm_tweets_stored_total", "sentiment=\"positive\"", s.sentiment.positive);
  out.sample("datastorm_tweets_stored_total", "sentiment=\"negative\"", s.sentiment.negative);
  out.sample("datastorm_tweets_stored_total", "sentiment=\"neutral\"", s.sentiment.neutral);

  out.family("datastorm_rate", "gauge", "Records per second over the last five seconds.");
  out.sample("datastorm_rate", "kind=\"offered\"", s.rate.offered);
  out.sample("datastorm_rate", "kind=\"achieved\"", s.rate.achieved);
  out.single("datastorm_lag_records", "gauge", "Records in the topic that are not stored yet.",
             s.lag.records);
  out.single("datastorm_lag_seconds", "gauge", "How far storing is behind, in seconds.",
             s.lag.seconds);
  if (s.sinks.size() > 1) out.family("datastorm_sink_lag_records", "gauge", "Lag of each sink.");
  for (std::size_t i = 0; s.sinks.size() > 1 && i < s.sinks.size(); ++i)
    out.sample("datastorm_sink_lag_records", fmt::format("sink=\"{}\"", i), s.sinks[i].lag);
  out.single("datastorm_sentiment_score", "gauge",
             "Positive minus negative over total, of the last five minutes.", s.window.score);
  out.single("datastorm_ledger_balanced", "gauge", "1 while no record is missing or doubled.",
             s.balance.ok ? 1 : 0);

  if (s.broker.embedded) {
    out.single("datastorm_broker_log_bytes", "gauge", "Bytes that the embedded broker keeps.",
               s.broker.bytes);
    out.single("datastorm_broker_unread_bytes", "gauge",
               "Bytes of them that live groups have not read, and that are not dropped.",
               s.broker.unread_bytes);
    out.single("datastorm_broker_live_groups", "gauge",
               "Groups whose unread records are kept: with members or a recent commit.",
               s.broker.live_groups);
    out.single("datastorm_broker_producers_held", "gauge",
               "1 while producers are slowed, so that nothing unread is dropped.",
               s.broker.held ? 1 : 0);
    out.single("datastorm_broker_held_seconds_total", "counter",
               "Time for which producers were held back, all of them together.", s.broker.held_s);
    out.single("datastorm_broker_partitions_offline", "gauge",
               "Partitions that the disk failed, or that are damaged.",
               s.broker.partitions_offline);
  }

  if (!s.latency_us.empty())
    out.family("datastorm_latency_seconds", "summary", "From the intended instant to each stage.");
  for (const auto& [stage, q] : s.latency_us)
    for (const auto& [quantile, micros] :
         {std::pair{"0.5", q.p50}, {"0.9", q.p90}, {"0.99", q.p99}, {"0.999", q.p999}})
      out.sample("datastorm_latency_seconds",
                 fmt::format("stage=\"{}\",quantile=\"{}\"", stage, quantile), micros / 1e6);
  out.single("datastorm_clock_negative_samples", "gauge",
             "Records that came before they were due: two clocks differ.", s.clock.negative);
  out.single("datastorm_cpu_cores", "gauge", "Processor time used per second.", s.cpu_cores);
  out.single("datastorm_resident_bytes", "gauge", "Resident memory.", s.rss_bytes);
  return out.take();
}

}  // namespace ds
