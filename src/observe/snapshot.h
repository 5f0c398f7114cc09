// One second of the whole: what the terminal, the dashboard and the metrics are drawn from.
// The JSON that `fields` gives is the HTTP contract (docs/formats/http-api.md).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace ds {

struct Counters {
  std::uint64_t scheduled = 0;
  std::uint64_t enqueued = 0;
  std::uint64_t written = 0;
  std::uint64_t acknowledged = 0;
  std::uint64_t failed = 0;
  std::uint64_t unknown = 0;
  std::uint64_t read_back = 0;

  static void fields(auto& self, auto& io) {
    io("scheduled", self.scheduled);
    io("enqueued", self.enqueued);
    io("written", self.written);
    io("acknowledged", self.acknowledged);
    io("failed", self.failed);
    io("unknown", self.unknown);
    io("readBack", self.read_back);
  }
};

struct Shares {
  std::uint64_t positive = 0;
  std::uint64_t negative = 0;
  std::uint64_t neutral = 0;

  std::uint64_t total() const { return positive + negative + neutral; }
  static void fields(auto& self, auto& io) {
    io("positive", self.positive);
    io("negative", self.negative);
    io("neutral", self.neutral);
  }
};

struct RateShown {
  double offered = 0;
  double achieved = 0;  // over the last 5 s
  double average = 0;
  std::optional<double> target;  // nothing: as fast as it goes

  static void fields(auto& self, auto& io) {
    io("offered", self.offered);
    io("achieved", self.achieved);
    io("average", self.average);
    io("target", self.target);
  }
};

struct Quantiles {
  double p50 = 0;
  double p90 = 0;
  double p99 = 0;
  double p999 = 0;
  double p9999 = 0;
  double max = 0;
  double min = 0;             // the smallest, negative ones among them
  std::uint64_t samples = 0;  // all of them
  /// Before the instant they count from: two clocks differ. In none of the figures above but min.
  std::uint64_t negative = 0;

  static void fields(auto& self, auto& io) {
    io("p50", self.p50);
    io("p90", self.p90);
    io("p99", self.p99);
    io("p999", self.p999);
    io("p9999", self.p9999);
    io("max", self.max);
    io("min", self.min);
    io("samples", self.samples);
    io("negative", self.negative);
  }
};

/// How far the clocks of the storm's machine and of this one are known to differ. Where both have
/// been held against the broker's, from both sides: this one is ahead by ahead_least_ms to
/// ahead_most_ms. A record cannot arrive before it was due, so the least time seen from there to
/// here bounds it from one side anyway: this machine's clock is ahead by at most that, and behind
/// by at least as much as it is negative.
struct ClockShown {
  double least_ms = 0;
  std::uint64_t negative = 0;  // records that came before they were due
  std::optional<double> ahead_least_ms = std::nullopt, ahead_most_ms = std::nullopt;
  std::string not_measured = {};  // why these are not known
  bool differ = false;
  std::string text;
  static void fields(auto& self, auto& io) {
    io("leastMs", self.least_ms);
    io("negative", self.negative);
    io("aheadLeastMs", self.ahead_least_ms);
    io("aheadMostMs", self.ahead_most_ms);
    io("notMeasured", self.not_measured);
    io("differ", self.differ);
    io("text", self.text);
  }
};

struct LagShown {
  std::uint64_t records = 0;
  double seconds = 0;
  static void fields(auto& self, auto& io) {
    io("records", self.records);
    io("seconds", self.seconds);
  }
};

struct BalanceShown {
  bool ok = true;
  std::uint64_t missing = 0;
  std::uint64_t doubled = 0;
  std::string text;
  static void fields(auto& self, auto& io) {
    io("ok", self.ok);
    io("missing", self.missing);
    io("doubled", self.doubled);
    io("text", self.text);
  }
};

struct StoreShown {
  std::string kind;
  std::string path;
  std::string durability;
  std::optional<std::uint64_t> rows;  // held now, of earlier runs too; nothing: not known
  static void fields(auto& self, auto& io) {
    io("kind", self.kind);
    io("path", self.path);
    io("durability", self.durability);
    io("rows", self.rows);
  }
};

struct BrokerShown {
  std::string address;
  bool embedded = false;
  std::string durability;
  std::uint64_t bytes = 0;
  bool held = false;               // producers are slowed, so that nothing unread is dropped
  double held_s = 0;               // that long so far, all of them together
  std::uint64_t unread_bytes = 0;  // by live groups
  std::uint64_t live_groups = 0;   // whose unread records are kept
  std::uint64_t partitions_offline = 0;
  static void fields(auto& self, auto& io) {
    io("address", self.address);
    io("embedded", self.embedded);
    io("durability", self.durability);
    io("bytes", self.bytes);
    io("held", self.held);
    io("heldS", self.held_s);
    io("unreadBytes", self.unread_bytes);
    io("liveGroups", self.live_groups);
    io("partitionsOffline", self.partitions_offline);
  }
};

struct MixShown {
  double positive = 0;
  double negative = 0;
  double neutral = 0;
  static void fields(auto& self, auto& io) {
    io("positive", self.positive);
    io("negative", self.negative);
    io("neutral", self.neutral);
  }
};

struct WindowShown {
  std::int64_t seconds = 300;
  std::uint64_t positive = 0;
  std::uint64_t negative = 0;
  std::uint64_t neutral = 0;
  double score = 0;  // (positive - negative) / total
  static void fields(auto& self, auto& io) {
    io("seconds", self.seconds);
    io("positive", self.positive);
    io("negative", self.negative);
    io("neutral", self.neutral);
    io("score", self.score);
  }
};

struct SinkShown {
  std::string name;
  std::string state;
  std::uint64_t stored = 0;
  std::uint64_t lag = 0;
  std::uint64_t errors = 0;
  std::string last_error;
  static void fields(auto& self, auto& io) {
    io("name", self.name);
    io("state", self.state);
    io("stored", self.stored);
    io("lag", self.lag);
    io("errors", self.errors);
    io("lastError", self.last_error);
  }
};

struct Snapshot {
  std::string state = "running";  // running, stopped, draining, finished
  std::string scenario;
  std::string run;
  RateShown rate;
  MixShown mix;
  std::string mode = "fixed";
  double volatility = 0;   // how far volatile mixes swing, 0 to 1
  std::string acks = "1";  // with 0 nothing is ever acknowledged: written is all that is known
  Counters counters;
  std::uint64_t total_wanted = 0;  // 0: no end
  std::uint64_t stored = 0;
  std::uint64_t retired = 0;
  std::uint64_t errors = 0;  // records dead-lettered, and tries to store that failed
  std::uint64_t dead_lettered = 0;
  std::uint64_t duplicates_suppressed = 0;
  std::vector<SinkShown> sinks;
  LagShown lag;
  std::map<std::string, Quantiles>
      latency_us;  // by stage: wait, acknowledged, fetched, stored, visible
  ClockShown clock;
  BalanceShown balance;
  Shares sentiment;                                     // totals stored
  std::map<std::string, Shares, std::less<>> by_brand;  // the same, of each
  WindowShown window;
  std::vector<std::string> brands;
  StoreShown store;
  BrokerShown broker;
  std::int64_t started_ms = 0;
  std::int64_t now_ms = 0;
  double elapsed_s = 0;
  double cpu_cores = 0;
  std::uint64_t rss_bytes = 0;
  std::vector<std::string> controls;  // which buttons this program obeys
  /// The totals are not whole yet: what they grow by until then happened earlier. Not told.
  bool baseline = false;

  static void fields(auto& self, auto& io) {
    io("state", self.state);
    io("scenario", self.scenario);
    io("run", self.run);
    io("rate", self.rate);
    io("mix", self.mix);
    io("mode", self.mode);
    io("volatility", self.volatility);
    io("acks", self.acks);
    io("counters", self.counters);
    io("total", self.total_wanted);
    io("stored", self.stored);
    io("retired", self.retired);
    io("errors", self.errors);
    io("deadLettered", self.dead_lettered);
    io("duplicatesSuppressed", self.duplicates_suppressed);
    io("sinks", self.sinks);
    io("lag", self.lag);
    io("latencyUs", self.latency_us);
    io("clock", self.clock);
    io("balance", self.balance);
    io("sentiment", self.sentiment);
    io("byBrand", self.by_brand);
    io("window", self.window);
    io("brands", self.brands);
    io("store", self.store);
    io("broker", self.broker);
    io("startedMs", self.started_ms);
    io("nowMs", self.now_ms);
    io("elapsedS", self.elapsed_s);
    io("cpuCores", self.cpu_cores);
    io("rssBytes", self.rss_bytes);
    io("controls", self.controls);
  }
};

}  // namespace ds
