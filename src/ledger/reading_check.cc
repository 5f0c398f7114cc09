#include "ledger/reading_check.h"

#include <algorithm>
#include <cmath>

namespace ds {
namespace {

/// The mathematics of two machines may differ in a number's last digits.
bool is_same(double found, double made) {
  return std::abs(found - made) <= 1e-9 * std::max(1.0, std::abs(made));
}

class Readings final : public StageVisitor {
 public:
  Readings(const ClaimedRun& claimed, const ReadingRun& run) : id_(claimed.run.run), run_(run) {}

  void reading(const Reading& reading) override {
    if (!run_.has(reading.producer_id, reading.timestamp_producer) || reading.sequence < 0)
      return held_.add_foreign();
    const auto producer = static_cast<std::uint32_t>(reading.producer_id);
    const auto sequence = static_cast<std::uint64_t>(reading.sequence);
    if (!held_.add({id_, producer, sequence})) return;
    const Reading made = run_.reading(run_.number_of(reading.producer_id, reading.sequence));
    const char* const altered = !is_same(reading.data, made.data) ? "data"
                                : std::abs(reading.timestamp_producer - made.timestamp_producer) > 1
                                    ? "timestamp_producer"
                                    : nullptr;
    if (altered == nullptr) return;
    ++altered_count_;
    if (altered_.size() < kFindingsMax)
      altered_.push_back({.what = "corrupted",
                          .stage = {},
                          .stream = producer,
                          .first = sequence,
                          .last = sequence,
                          .count = 1,
                          .window = {},
                          .why = altered});
  }
  void tweet(const TweetView&) override { held_.add_foreign(); }
  void payload(const RecordId&, std::uint64_t, std::int64_t) override { held_.add_foreign(); }
  void identities(std::uint64_t, std::uint32_t, Interval) override {}
  void rollup(std::int64_t, std::string_view, std::string_view, std::uint64_t) override {}
  void foreign(std::uint64_t records) override { held_.add_foreign(records); }

  Holdings& held() { return held_; }
  std::uint64_t altered_count() const { return altered_count_; }
  std::vector<Finding>& altered() { return altered_; }

 private:
  const std::uint64_t id_;
  const ReadingRun& run_;
  Holdings held_;
  std::uint64_t altered_count_ = 0;
  std::vector<Finding> altered_;
};

}  // namespace

ClaimedRun by_producer(const ClaimedRun& claimed, const ReadingRun& run) {
  ClaimedRun spread;
  spread.run = claimed.run;
  const auto all = claimed.streams.find(0);
  if (all == claimed.streams.end()) return spread;
  for (std::uint32_t i = 0; i < run.producers; ++i) {
    const std::int64_t id = run.first_producer + i;
    const auto own = [&](const IntervalSet& numbers) { return run.of_producer(id, numbers); };
    StreamClaim claim;
    claim.run = claimed.run.run;
    claim.stream = static_cast<std::uint32_t>(id);
    claim.acknowledged = own(all->second.acknowledged);
    claim.written = own(all->second.written);
    claim.failed = own(all->second.failed);
    claim.unknown = own(all->second.unknown);
    spread.streams.emplace(claim.stream, std::move(claim));
  }
  return spread;
}

Result<Verdict> verify_readings(StageReader& reader, const ClaimedRun& claimed,
                                const ReadingRun& run) {
  Readings visitor(claimed, run);
  if (auto read = reader.read(visitor); !read) return std::move(read).error();
  Verdict verdict = balance(by_producer(claimed, run), visitor.held(), reader.stage());
  verdict.of = "producer";
  verdict.corrupted = visitor.altered_count();
  for (Finding& finding : visitor.altered()) {
    finding.stage = verdict.stage;
    if (verdict.ranges.size() < kFindingsMax) verdict.ranges.push_back(std::move(finding));
  }
  for (Finding& finding : verdict.ranges) {
    finding.window_s =
        run.reading(run.number_of(finding.stream, static_cast<std::int64_t>(finding.first)))
            .timestamp_producer /
        1000;
    finding.window = shown_second(finding.window_s);
  }
  if (!reader.keeps_doubles())
    verdict.not_shown.push_back("doubles: this store writes the same record in the same place");
  for (std::string& words : reader.not_shown()) verdict.not_shown.push_back(std::move(words));
  return verdict;
}

Result<Holdings> hold_readings(StageReader& reader, const ClaimedRun& claimed,
                               const ReadingRun& run) {
  Readings visitor(claimed, run);
  if (auto read = reader.read(visitor); !read) return std::move(read).error();
  return std::move(visitor.held());
}

}  // namespace ds
