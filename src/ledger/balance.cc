#include "ledger/balance.h"

namespace ds {
namespace {

/// Adds findings up to the limit; what they are counts of was counted before.
void name(Verdict& verdict, const char* what, std::uint32_t stream, const IntervalSet& ranges) {
  for (const Interval range : ranges.intervals()) {
    if (verdict.ranges.size() == kFindingsMax) return;
    verdict.ranges.push_back({what, stream, range.begin, range.end - 1});
  }
}

void balance_stream(const StreamClaim& claim, const Holdings::Stream& held, Verdict& verdict) {
  IntervalSet expected = claim.acknowledged;
  expected.add(claim.written);
  IntervalSet claimed = expected;
  claimed.add(claim.unknown);
  const IntervalSet lost = expected.minus(held.found);
  const IntervalSet unclaimed = held.found.minus(claimed);
  verdict.expected += expected.count();
  verdict.found += held.found.count();
  verdict.lost += lost.count();
  verdict.duplicated += held.doubled;
  verdict.unclaimed += unclaimed.count();
  name(verdict, "lost", claim.stream, lost);
  name(verdict, "doubled", claim.stream, held.doubled_ranges);
  if (claim.partition >= 0) {
    verdict.disordered += held.disordered;
    name(verdict, "disordered", claim.stream, held.disordered_ranges);
  }
  name(verdict, "unclaimed", claim.stream, unclaimed);
}

}  // namespace

Holdings::Stream& Holdings::stream(std::uint64_t run, std::uint32_t stream) {
  const std::pair key{run, stream};
  if (last_ == nullptr || key != last_key_) {
    last_ = &streams_[key];
    last_key_ = key;
  }
  return *last_;
}

void Holdings::add(const RecordId& id) {
  Stream& to = stream(id.run, id.stream);
  const std::uint64_t next = id.sequence + 1;
  if (to.found.add(id.sequence, next) != 0) {
    ++to.doubled;
    to.doubled_ranges.add(id.sequence, next);
  } else if (id.sequence < to.highest) {
    ++to.disordered;
    to.disordered_ranges.add(id.sequence, next);
  }
  if (next > to.highest) to.highest = next;
}

void Holdings::add(std::uint64_t run, std::uint32_t number, Interval range) {
  Stream& to = stream(run, number);
  IntervalSet whole;
  whole.add(range);
  to.doubled_ranges.add(whole.minus(whole.minus(to.found)));
  to.doubled += to.found.add(range);
}

Verdict balance(const ClaimedRun& claimed, const Holdings& held, std::string stage) {
  Verdict verdict;
  verdict.run = run_name(claimed.run.run);
  verdict.stage = std::move(stage);
  const std::uint64_t run = claimed.run.run;
  const Holdings::Stream nothing_held;
  bool spread = false;
  for (const auto& [number, claim] : claimed.streams) {
    const auto found = held.streams().find({run, number});
    balance_stream(claim, found == held.streams().end() ? nothing_held : found->second, verdict);
    spread |= claim.partition < 0;
  }
  // Streams of the run of which nobody claimed anything.
  for (auto at = held.streams().lower_bound({run, 0});
       at != held.streams().end() && at->first.first == run; ++at)
    if (!claimed.streams.contains(at->first.second)) {
      StreamClaim unheard_of;
      unheard_of.stream = at->first.second;
      balance_stream(unheard_of, at->second, verdict);
    }
  verdict.not_shown.push_back("content: records are known by their identity");
  if (spread) verdict.not_shown.push_back("order: streams are spread over partitions");
  return verdict;
}

}  // namespace ds
