#include "ledger/take_up.h"

#include <algorithm>
#include <map>
#include <optional>

#include "ledger/read_tweets.h"
#include "ledger/window_sums.h"

namespace ds {
namespace {

std::vector<KindName> kinds_of(const RunClaim& run) {
  std::vector<std::string> brands;
  for (const BrandClaim& brand : run.brands) brands.push_back(brand.name);
  return kind_names(brands);
}

IntervalSet all_claimed(const StreamClaim& claim) {
  IntervalSet all = claim.acknowledged;
  all.add(claim.written);
  all.add(claim.failed);
  all.add(claim.unknown);
  return all;
}

/// Collects what is ours and not claimed, by stream and second of its own timestamp.
class Unclaimed final : public StageVisitor {
 public:
  Unclaimed(const ClaimedRun& begun, const Ours& ours)
      : run_(begun.run.run), ours_(ours), names_(kinds_of(begun.run)), kinds_(names_) {
    for (const auto& [stream, claim] : begun.streams) claimed_[stream] = all_claimed(claim);
  }

  void tweet(const TweetView& tweet) override {
    const auto id = ids_.read(tweet.tweet_id);
    if (!id || !is_new(*id)) return;
    const std::uint16_t kind = kinds_.of(tweet.brand, tweet.sentiment);
    if (kind >= names_.size()) return;  // altered: verify will say so
    add(*id, kind, content_hash(tweet.text, kinds_.hash(kind)), tweet.timestamp);
  }
  void payload(const RecordId& id, std::uint64_t content, std::int64_t timestamp_ms) override {
    if (is_new(id)) add(id, kinds_.of("", ""), content, timestamp_ms);
  }
  void identities(std::uint64_t, std::uint32_t, Interval) override {}
  void rollup(std::int64_t, std::string_view, std::string_view, std::uint64_t) override {}
  void foreign(std::uint64_t) override {}

  std::vector<SentPiece> pieces() const {
    std::vector<SentPiece> all;
    for (const auto& [key, found] : found_) {
      const auto& [stream, window] = key;
      for (const Interval range : found.ranges)
        all.push_back({.stream = stream, .range = range, .window = window, .kinds = {}});
      // A window's sums are of all its ranges, so one of them brings them.
      all.back().kinds = found.kinds;
    }
    return all;
  }

 private:
  struct Found {
    std::vector<Interval> ranges;
    std::vector<KindTotal> kinds;
  };

  /// Also whether it is seen for the first time: what lies there twice is claimed once.
  bool is_new(const RecordId& id) {
    return id.run == run_ && ours_(id.stream) &&
           claimed_[id.stream].add(id.sequence, id.sequence + 1) == 0;
  }
  void add(const RecordId& id, std::uint16_t kind, std::uint64_t content, std::int64_t ms) {
    Found& found = found_[{id.stream, window_of(ms, 1000) / 1000}];
    add_range(found.ranges, {id.sequence, id.sequence + 1});
    add_total(found.kinds, kind, {1, record_hash(content, time_hash(ms), id.sequence)});
  }

  const std::uint64_t run_;
  const Ours& ours_;
  const std::vector<KindName> names_;
  KindIndex kinds_;
  TweetIdReader ids_;
  std::map<std::uint32_t, IntervalSet> claimed_;  // and what was found
  std::map<std::pair<std::uint32_t, std::int64_t>, Found> found_;
};

}  // namespace

Status same_run(const RunClaim& begun, const RunClaim& again) {
  std::string differs;
  const auto compare = [&](std::string_view what, const auto& then, const auto& now) {
    if (then == now) return;
    differs += fmt::format("{}{} {} (now {})", differs.empty() ? "" : ", ", what, then, now);
  };
  compare("topic", begun.topic, again.topic);
  compare("partitions", begun.partitions, again.partitions);
  compare("streams", begun.streams, again.streams);
  compare("batch size", begun.batch_size, again.batch_size);
  compare("seed", begun.seed, again.seed);
  compare("payload", begun.payload, again.payload);
  compare("data", begun.settings, again.settings);
  compare("partitions by", begun.placing, again.placing);
  compare("tombstones", begun.tombstones, again.tombstones);
  compare("acks", begun.acks, again.acks);
  if (differs.empty()) return Done{};
  return Error{.code = ErrorCode::kUsage,
               .message = fmt::format("run {:012x} was begun with {}", begun.run, differs),
               .hint = "go on with the same settings, or leave out --run for a run of its own"};
}

std::int64_t unclaimed_since_ms(const ClaimedRun& begun, const Ours& ours) {
  // Spread over partitions, what came later may be claimed before what came first.
  if (begun.run.placing != "stream") return begun.run.started_ms - kClockMarginMs;
  // A stream is sent in the order of its times: what it has not claimed is not older than the last
  // second that it has.
  std::map<std::uint32_t, std::int64_t> last_s;
  for (const auto& [key, window] : begun.windows) {
    auto& last = last_s.try_emplace(window.stream, window.window).first->second;
    last = std::max(last, window.window);
  }
  std::int64_t since_ms = std::numeric_limits<std::int64_t>::max();
  for (std::uint32_t stream = 0; stream < begun.run.streams; ++stream) {
    if (!ours(stream)) continue;
    const auto last = last_s.find(stream);
    since_ms =
        std::min(since_ms, last == last_s.end() ? begun.run.started_ms : last->second * 1000);
  }
  return since_ms - kClockMarginMs;
}

Result<TakenUp> take_up(const ClaimedRun& begun, const Ours& ours, StageReader& topic) {
  TakenUp taken;
  for (const auto& [stream, claim] : begun.streams)
    if (ours(stream)) taken.streams.push_back(claim);
  // A claim's kinds are numbered as they were read; the run's are numbered by its brands.
  const std::vector<KindName> names = kinds_of(begun.run);
  const auto renumber = [&](std::vector<KindTotal>& totals) {
    std::vector<KindTotal> renumbered;
    for (const KindTotal& each : totals) {
      const auto at = std::ranges::find(names, begun.kinds[each.kind]);
      if (at != names.end())
        add_total(renumbered, static_cast<std::uint16_t>(at - names.begin()), each.total);
    }
    totals = std::move(renumbered);
  };
  for (const auto& [key, window] : begun.windows) {
    if (!ours(window.stream)) continue;
    WindowClaim& claim = taken.windows.emplace_back(window);
    renumber(claim.kinds);
    renumber(claim.unknown_kinds);
  }
  Unclaimed unclaimed(begun, ours);
  if (auto read = topic.read(unclaimed); !read) return std::move(read).error();
  taken.found = unclaimed.pieces();
  return taken;
}

}  // namespace ds
