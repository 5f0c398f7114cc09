#include "ledger/stage_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <unordered_map>

#include "ledger/read_tweets.h"
#include "ledger/reading_check.h"
#include "ledger/regenerate.h"
#include "ledger/window_sums.h"

namespace ds {
namespace {

/// What a rollup's rows come to, by second, brand and sentiment.
using Rolled =
    std::map<std::tuple<std::int64_t, std::string, std::string>, std::int64_t, std::less<>>;

/// The first reading: who is there, and the sums of what they say.
class FirstReading final : public StageVisitor {
 public:
  explicit FirstReading(const ClaimedRun& claimed)
      : run_(claimed.run.run), sums_(claimed), kinds_(claimed.kinds) {
    if (claimed.run.placing == "key") held_.order_by_partition();
  }

  void partition(std::int32_t number) override { held_.at_partition(number); }
  void tweet(const TweetView& tweet) override {
    const auto id = ids_.read(tweet.tweet_id);
    if (!id) return held_.add_foreign();
    if (!held_.add(*id) || id->run != run_) return;
    WindowCell* const cell = sums_.find(id->stream, id->sequence);
    if (cell == nullptr) return;
    const std::uint16_t kind = kinds_.of(tweet.brand, tweet.sentiment);
    add(*cell, kind, content_hash(tweet.text, kinds_.hash(kind)), tweet.timestamp, id->sequence);
  }
  void payload(const RecordId& id, std::uint64_t content, std::int64_t timestamp_ms) override {
    if (!held_.add(id) || id.run != run_) return;
    if (WindowCell* const cell = sums_.find(id.stream, id.sequence))
      add(*cell, kinds_.of("", ""), content, timestamp_ms, id.sequence);
  }
  void identities(std::uint64_t run, std::uint32_t stream, Interval range) override {
    held_.add(run, stream, range);
    if (run == run_) without_content_[stream].add(range);
  }
  void rollup(std::int64_t window_s, std::string_view brand, std::string_view sentiment,
              std::uint64_t count) override {
    rolled_[{window_s, std::string(brand), std::string(sentiment)}] +=
        static_cast<std::int64_t>(count);
  }
  void foreign(std::uint64_t records) override { held_.add_foreign(records); }

  const Holdings& held() const { return held_; }
  WindowSums& sums() { return sums_; }
  Rolled& rolled() { return rolled_; }
  bool has_content(const WindowCell& cell) const {
    const auto found = without_content_.find(cell.stream);
    if (found == without_content_.end()) return true;
    return std::ranges::none_of(sums_.ranges_of(cell),
                                [&](Interval range) { return found->second.count_in(range) > 0; });
  }
  std::uint64_t without_content() const {
    std::uint64_t count = 0;
    for (const auto& [stream, ranges] : without_content_) count += ranges.count();
    return count;
  }

 private:
  void add(WindowCell& cell, std::uint16_t kind, std::uint64_t content, std::int64_t timestamp_ms,
           std::uint64_t sequence) {
    if (timestamp_ms != time_of_) {
      time_of_ = timestamp_ms;
      time_ = time_hash(timestamp_ms);
    }
    add_total(cell.found, kind, {1, record_hash(content, time_, sequence)});
  }

  const std::uint64_t run_;
  WindowSums sums_;
  KindIndex kinds_;
  Holdings held_;
  std::map<std::uint32_t, IntervalSet> without_content_;
  Rolled rolled_;
  TweetIdReader ids_;
  std::int64_t time_of_ = 0;
  std::uint64_t time_ = time_hash(0);
};

/// The second reading, of the seconds that came out wrong: each record against its number.
class SecondReading final : public StageVisitor {
 public:
  SecondReading(const ClaimedRun& claimed, WindowSums& sums, std::set<const WindowCell*> wrong,
                Regenerator& generator)
      : run_(claimed.run.run), sums_(sums), wrong_(std::move(wrong)), generator_(generator) {}

  struct Altered {
    std::uint64_t sequence;
    const char* field;
  };
  struct Times {
    std::int64_t ms;
    std::uint64_t count, first, last;
  };
  struct OfCell {
    std::vector<Altered> altered;
    std::uint64_t altered_count = 0;
    std::map<std::uint64_t, std::vector<Times>> times;  // by generator batch of the stream
  };

  void tweet(const TweetView& tweet) override {
    const auto id = ids_.read(tweet.tweet_id);
    if (!id || id->run != run_) return;
    const WindowCell* const cell = sums_.find(id->stream, id->sequence);
    if (cell == nullptr || !wrong_.contains(cell)) return;
    OfCell& of = cells_[cell];
    const Regenerator::Said said = generator_.said(id->stream, id->sequence);
    const char* const field = tweet.text != said.text             ? "text"
                              : tweet.brand != said.brand         ? "brand"
                              : tweet.sentiment != said.sentiment ? "sentiment"
                                                                  : nullptr;
    if (field != nullptr) {
      ++of.altered_count;
      if (of.altered.size() < kFindingsMax) of.altered.push_back({id->sequence, field});
    }
    note_time(of.times[generator_.batch_of(id->sequence)], tweet.timestamp, id->sequence);
  }
  void payload(const RecordId&, std::uint64_t, std::int64_t) override {}
  void identities(std::uint64_t, std::uint32_t, Interval) override {}
  void rollup(std::int64_t, std::string_view, std::string_view, std::uint64_t) override {}
  void foreign(std::uint64_t) override {}

  std::map<const WindowCell*, OfCell>& cells() { return cells_; }

 private:
  /// All records of a generator batch share one time, so the few that differ stand out.
  static void note_time(std::vector<Times>& times, std::int64_t ms, std::uint64_t sequence) {
    constexpr std::size_t kDifferent = 64;  // past that the last takes all
    auto at = std::ranges::find(times, ms, &Times::ms);
    if (at == times.end()) {
      if (times.size() < kDifferent) {
        times.push_back({ms, 1, sequence, sequence});
        return;
      }
      at = std::prev(times.end());
    }
    ++at->count;
    at->first = std::min(at->first, sequence);
    at->last = std::max(at->last, sequence);
  }

  const std::uint64_t run_;
  WindowSums& sums_;
  const std::set<const WindowCell*> wrong_;
  Regenerator& generator_;
  TweetIdReader ids_;
  std::map<const WindowCell*, OfCell> cells_;
};

/// Puts findings of content into the verdict.
class Corruption {
 public:
  Corruption(Verdict& verdict, WindowSums& sums) : verdict_(verdict), sums_(sums) {}

  void name(const WindowCell& cell, Interval range, std::uint64_t count, std::string why) {
    verdict_.corrupted += count;
    if (verdict_.ranges.size() == kFindingsMax) return;
    verdict_.ranges.push_back({.what = "corrupted",
                               .stage = verdict_.stage,
                               .stream = cell.stream,
                               .partition = cell.partition,
                               .first = range.begin,
                               .last = range.end - 1,
                               .count = count,
                               .window_s = 0,
                               .window = {},
                               .why = std::move(why)});
  }
  /// A sum is wrong, and which records made it so cannot be told.
  void name_whole(const WindowCell& cell) {
    const auto ranges = sums_.ranges_of(cell);
    name(cell, {ranges.front().begin, ranges.back().end}, 1,
         "at least one of them: the sum of this second is not the one claimed");
  }
  /// What the second reading found in one cell.
  void name_found(const WindowCell& cell, SecondReading::OfCell& of, Regenerator& generator) {
    // With the contents that the numbers ask for and the times that most records have, the sum must
    // be the claimed one; else what is named here is not what is wrong.
    std::map<std::uint64_t, std::int64_t> times;
    for (auto& [batch, seen] : of.times) {
      std::ranges::stable_sort(seen, [&](const auto& a, const auto& b) {
        const auto inside = [&](const auto& t) {
          return window_of(t.ms, cell.seconds * 1000) == cell.window * 1000;
        };
        return std::tuple(a.count, inside(a)) > std::tuple(b.count, inside(b));
      });
      times[batch] = seen.front().ms;
    }
    std::uint64_t sum = 0, known = 0;
    for (const Interval range : sums_.ranges_of(cell))
      for (std::uint64_t sequence = range.begin; sequence < range.end; ++sequence) {
        const auto time = times.find(generator.batch_of(sequence));
        if (time == times.end()) break;  // the whole batch is lost: its time is not known
        const auto said = generator.said(cell.stream, sequence);
        sum += record_hash(content_hash(said.text, kind_hash(said.brand, said.sentiment)),
                           time_hash(time->second), sequence);
        ++known;
      }
    const bool whole = known == cell.records;
    const bool proven = whole && sum == cell.claimed_sum();
    if (whole && !proven) {
      // Numbers that no claim bears out name nobody.
      name_whole(cell);
      return;
    }
    for (const auto& each : of.altered)
      name(cell, {each.sequence, each.sequence + 1}, 1, each.field);
    verdict_.corrupted += of.altered_count - of.altered.size();
    for (const auto& [batch, seen] : of.times)
      for (std::size_t i = 1; i < seen.size(); ++i)
        name(cell, {seen[i].first, seen[i].last + 1}, seen[i].count, "timestamp");
    if (!whole) unproven_ += cell.records;
  }
  std::uint64_t unproven() const { return unproven_; }

 private:
  Verdict& verdict_;
  WindowSums& sums_;
  std::uint64_t unproven_ = 0;
};

Status check_contents(StageReader& reader, const ClaimedRun& claimed, FirstReading& first,
                      Verdict& verdict) {
  WindowSums& sums = first.sums();
  std::set<const WindowCell*> wrong;
  std::uint64_t torn = 0, covered = 0;
  for (const WindowCell& cell : sums.cells()) {
    if (!cell.unknown) covered += cell.records;
    if (cell.claimed == cell.found || !first.has_content(cell)) continue;
    if (cell.unknown && cell.found.empty()) continue;
    if (cell.claimed_count() != cell.records)
      torn += cell.records;  // a producer that died between two parts of a claim
    else
      wrong.insert(&cell);
  }
  if (torn > 0)
    verdict.not_shown.push_back(
        fmt::format("content of {} records: their claim is not whole", torn));
  if (verdict.expected > covered)
    verdict.not_shown.push_back(fmt::format("content of {} records: no sums are claimed of them",
                                            verdict.expected - covered));
  if (wrong.empty()) return Done{};

  Corruption corruption(verdict, sums);
  auto generator = Regenerator::from(claimed.run);
  if (!generator) {
    std::uint64_t short_of = 0;
    for (const WindowCell* cell : wrong) {
      if (cell->found_count() == cell->records)
        corruption.name_whole(*cell);
      else
        short_of += cell->found_count();
    }
    if (short_of > 0)
      verdict.not_shown.push_back(fmt::format(
          "content of {} records: others of their second are missing, and so is their part of its "
          "sum",
          short_of));
    return Done{};
  }
  SecondReading second(claimed, sums, std::move(wrong), *generator);
  if (auto read = reader.read(second); !read) return read;
  for (auto& [cell, of] : second.cells()) corruption.name_found(*cell, of, *generator);
  if (corruption.unproven() > 0)
    verdict.not_shown.push_back(fmt::format(
        "times of {} records: whole batches beside them are missing", corruption.unproven()));
  return Done{};
}

/// Records held that nobody claimed, of any run: a killed producer's last ones.
std::uint64_t unclaimed_of_all(const ClaimBook& book, const Holdings& held) {
  std::uint64_t unclaimed = 0;
  for (const auto& [key, stream] : held.streams()) {
    unclaimed += stream.found.count();
    const ClaimedRun* const run = book.find(key.first);
    if (run == nullptr) continue;
    const auto claim = run->streams.find(key.second);
    if (claim == run->streams.end()) continue;
    IntervalSet claimed = claim->second.acknowledged;
    claimed.add(claim->second.written);
    claimed.add(claim->second.unknown);
    claimed.each([&](Interval range) { unclaimed -= stream.found.count_in(range); });
  }
  return unclaimed;
}

/// A rollup's counts against the claims' by second, brand and sentiment: of all runs into this
/// topic, because a rollup does not say whose its records are. `unclaimed`: by the identities.
void check_rollups(const ClaimBook& book, const ClaimedRun& claimed, Rolled& rolled,
                   std::uint64_t unclaimed, Verdict& verdict) {
  std::set<std::int64_t> seconds;  // of this run, unfolded
  Rolled expected, doubtful;
  bool folded = false;
  for (const auto& [id, run] : book.runs()) {
    if (run.run.topic != claimed.run.topic) continue;
    for (const auto& [key, claim] : run.windows) {
      if (claim.seconds != kWindowSeconds) {
        folded |= id == claimed.run.run;
        continue;
      }
      if (id == claimed.run.run) seconds.insert(claim.window);
      const auto add = [&](const std::vector<KindTotal>& kinds, Rolled& to) {
        for (const KindTotal& each : kinds) {
          const KindName& name = run.kinds[each.kind];
          to[{claim.window, name.brand, name.sentiment}] +=
              static_cast<std::int64_t>(each.total.count);
        }
      };
      add(claim.kinds, expected);
      add(claim.unknown_kinds, doubtful);
    }
  }
  for (const auto& [key, count] : rolled) expected.try_emplace(key, 0);
  std::uint64_t lost = 0, doubled = 0;
  std::vector<Finding> findings;
  for (const auto& [key, wanted] : expected) {
    const auto& [window, brand, sentiment] = key;
    if (!seconds.contains(window)) continue;
    const auto at = rolled.find(key);
    const std::int64_t found = at == rolled.end() ? 0 : at->second;
    const auto maybe = doubtful.find(key);
    const std::int64_t most = wanted + (maybe == doubtful.end() ? 0 : maybe->second);
    const std::int64_t off =
        found < wanted ? found - wanted : std::max<std::int64_t>(0, found - most);
    if (off == 0) continue;
    const auto count = static_cast<std::uint64_t>(std::abs(off));
    (off < 0 ? lost : doubled) += count;
    findings.push_back(
        {.what = off < 0 ? "lost" : "doubled",
         .stage = verdict.stage,
         .stream = 0,
         .partition = -1,
         .first = 0,
         .last = 0,
         .count = count,
         .window_s = window,
         .window = shown_second(window),
         .why = fmt::format("{} {}: {} rolled up, {} claimed", brand, sentiment, found, wanted)});
  }
  if (doubled > 0 && doubled <= unclaimed) {
    verdict.not_shown.push_back(fmt::format(
        "whether {} records more than claimed by second are doubles: {} were never claimed",
        doubled, unclaimed));
    doubled = 0;
    std::erase_if(findings, [](const Finding& each) { return each.what == "doubled"; });
  }
  // What the identities show already is not counted twice.
  if (lost > verdict.lost || doubled > verdict.duplicated) {
    verdict.lost = std::max(verdict.lost, lost);
    verdict.duplicated = std::max(verdict.duplicated, doubled);
  }
  for (Finding& each : findings)
    if (verdict.ranges.size() < kFindingsMax) verdict.ranges.push_back(std::move(each));
  verdict.not_shown.push_back("order and content of rolled up records");
  if (folded) verdict.not_shown.push_back("counts by second of hours whose claims are folded");
  if (seconds.empty())
    verdict.not_shown.push_back("counts by second: no sums are claimed of this run");
}

/// A store that was given nothing but rollups: how many are missing or too many in all, where their
/// seconds do not tell (claims that were folded), and no word about who.
void forget_identities(const ClaimBook& book, const ClaimedRun& claimed, const Rolled& rolled,
                       Verdict& verdict) {
  std::uint64_t held = 0, acknowledged = 0, welcome = 0;
  for (const auto& [key, count] : rolled) held += static_cast<std::uint64_t>(count);
  for (const auto& [id, run] : book.runs()) {
    if (run.run.topic != claimed.run.topic) continue;
    const Verdict sums = balance(run, Holdings(), verdict.stage);
    acknowledged += sums.expected;
    welcome += sums.unknown;
  }
  const auto over = [](std::uint64_t a, std::uint64_t b) { return a > b ? a - b : 0; };
  verdict.lost = std::min(over(acknowledged, held), verdict.expected);
  verdict.duplicated = over(held, acknowledged + welcome);
  verdict.disordered = verdict.corrupted = verdict.unclaimed = 0;
  verdict.ranges.clear();
  verdict.not_shown.push_back("who is lost or doubled: rollups name no records");
}

/// Each finding's second, by the claims.
void name_windows(WindowSums& sums, Verdict& verdict) {
  for (Finding& finding : verdict.ranges) {
    if (finding.window_s != 0) continue;
    if (const WindowCell* cell = sums.find(finding.stream, finding.first)) {
      finding.window_s = cell->window;
      finding.window = shown_second(cell->window);
      if (cell->seconds == kFoldedSeconds) finding.window += " (hour)";
    }
  }
}

}  // namespace

Result<Verdict> verify_stage(StageReader& reader, const ClaimBook& book,
                             const ClaimedRun& claimed) {
  if (const auto readings = ReadingRun::from(claimed.run))
    return verify_readings(reader, claimed, *readings);
  FirstReading first(claimed);
  if (auto read = reader.read(first); !read) return std::move(read).error();
  Verdict verdict = balance(claimed, first.held(), reader.stage());
  if (!reader.names_records()) {
    forget_identities(book, claimed, first.rolled(), verdict);
    check_rollups(book, claimed, first.rolled(), 0, verdict);
    verdict.found = verdict.expected - verdict.lost + verdict.duplicated;
    return verdict;
  }
  if (first.sums().empty())
    verdict.not_shown.push_back("content: no sums are claimed of this run");
  else if (auto checked = check_contents(reader, claimed, first, verdict); !checked)
    return std::move(checked).error();
  if (!first.rolled().empty())
    check_rollups(book, claimed, first.rolled(), unclaimed_of_all(book, first.held()), verdict);
  if (const auto count = first.without_content(); count > 0)
    verdict.not_shown.push_back(
        fmt::format("order and content of {} records that were rolled up or trimmed", count));
  const bool apart = claimed.run.tombstones > 0 && !reader.keeps_tombstones_in_place();
  if (!reader.keeps_order() || apart) {
    verdict.disordered = 0;
    std::erase_if(verdict.ranges, [](const Finding& f) { return f.what == "disordered"; });
    verdict.not_shown.push_back(apart ? "order: records without a value lie in a table of their own"
                                      : "order: this store keeps none");
  }
  if (!reader.keeps_doubles())
    verdict.not_shown.push_back("doubles: this store writes the same record in the same place");
  for (std::string& words : reader.not_shown()) verdict.not_shown.push_back(std::move(words));
  name_windows(first.sums(), verdict);
  return verdict;
}

Result<Holdings> hold_stage(StageReader& reader, const ClaimedRun& claimed) {
  const auto readings = ReadingRun::from(claimed.run);
  return readings ? hold_readings(reader, claimed, *readings) : hold_stage(reader);
}

Result<Holdings> hold_stage(StageReader& reader) {
  struct Identities final : StageVisitor {
    Holdings held;
    TweetIdReader ids;

    void tweet(const TweetView& tweet) override {
      if (const auto id = ids.read(tweet.tweet_id))
        held.add(*id);
      else
        held.add_foreign();
    }
    void payload(const RecordId& id, std::uint64_t, std::int64_t) override { held.add(id); }
    void identities(std::uint64_t run, std::uint32_t stream, Interval range) override {
      held.add(run, stream, range);
    }
    void rollup(std::int64_t, std::string_view, std::string_view, std::uint64_t) override {}
    void foreign(std::uint64_t records) override { held.add_foreign(records); }
  } visitor;
  if (auto read = reader.read(visitor); !read) return std::move(read).error();
  return std::move(visitor.held);
}

namespace {

/// Calls `visit(finding, count)` for each loss, with how many of it `there` has.
template <typename Visit>
void each_loss(Verdict& store, const ClaimedRun& claimed, const Holdings& there, Visit&& visit) {
  for (Finding& finding : store.ranges) {
    if (finding.what != "lost" || finding.last < finding.first) continue;
    const auto held = there.streams().find({claimed.run.run, finding.stream});
    visit(finding, held == there.streams().end()
                       ? 0
                       : held->second.found.count_in({finding.first, finding.last + 1}));
  }
}

}  // namespace

void name_stages(Verdict& store, const ClaimedRun& claimed, const Holdings& topic) {
  each_loss(store, claimed, topic, [](Finding& finding, std::uint64_t there) {
    if (there == 0)
      finding.why = "the topic has lost it too";
    else if (there < finding.count)
      finding.why = fmt::format("{} of them are still in the topic", there);
    else
      finding.why = "still in the topic: lost between topic and store";
  });
}

void name_dead_letters(Verdict& store, const ClaimedRun& claimed, const Holdings& letters,
                       const std::string& topic) {
  each_loss(store, claimed, letters, [&](Finding& finding, std::uint64_t there) {
    if (there == 0) return;
    if (there < finding.count)
      finding.why += fmt::format("; {} of them are dead letters in {}", there, topic);
    else
      finding.why = fmt::format("a dead letter: {} has it, and why", topic);
  });
}

}  // namespace ds
