#include "ledger/balance.h"

#include <fmt/chrono.h>

#include <ctime>

namespace ds {
namespace {

/// Adds a finding, up to the limit; what they are counts of is counted by the caller.
void name(Verdict& verdict, const StreamClaim& claim, const char* what, Interval range,
          std::uint64_t count) {
  if (verdict.ranges.size() == kFindingsMax) return;
  verdict.ranges.push_back({.what = what,
                            .stage = verdict.stage,
                            .stream = claim.stream,
                            .partition = claim.partition,
                            .first = range.begin,
                            .last = range.end - 1,
                            .count = count,
                            .window_s = 0,
                            .window = {},
                            .why = {}});
}

void balance_stream(const StreamClaim& claim, const Holdings::Stream& held, bool ordered,
                    Verdict& verdict) {
  IntervalSet expected = claim.acknowledged;
  expected.add(claim.written);
  IntervalSet claimed = expected;
  claimed.add(claim.unknown);
  verdict.generated += claimed.count() + claim.failed.count() + claim.aborted.count();
  verdict.aborted += claim.aborted.count();
  verdict.failed += claim.failed.count();
  verdict.unknown += claim.unknown.count();
  verdict.expected += expected.count();
  verdict.found += held.found.count();
  const auto naming = [&](const char* what, std::uint64_t* total) {
    return [&verdict, &claim, what, total](Interval range, std::uint64_t count) {
      if (total != nullptr) *total += count;
      name(verdict, claim, what, range, count);
    };
  };
  held.found.each_missing(expected, naming("lost", &verdict.lost));
  verdict.duplicated += held.doubled;
  held.doubled_ranges.each_there(naming("doubled", nullptr));
  if (claim.partition >= 0 || ordered) {
    verdict.disordered += held.disordered;
    held.disordered_ranges.each_there(naming("disordered", nullptr));
  }
  held.found.each_there([&](Interval range, std::uint64_t count) {
    if (count < range.size()) {  // summed up: what of it is claimed cannot be told apart
      const std::uint64_t own = claimed.count_in(range);
      if (count > own) naming("unclaimed", &verdict.unclaimed)(range, count - own);
      return;
    }
    IntervalSet one;
    one.add(range);
    one.each_minus(claimed, [&](Interval more) {
      // What was aborted is nobody's to read, and still there.
      const std::uint64_t visible = claim.aborted.count_in(more);
      if (visible > 0) naming("aborted", &verdict.visible)(more, visible);
      if (visible < more.size())
        naming("unclaimed", &verdict.unclaimed)(more, more.size() - visible);
    });
  });
}

}  // namespace

std::string shown_second(std::int64_t since_1970_s) {
  const std::time_t at = since_1970_s;
  std::tm utc{};
  gmtime_r(&at, &utc);
  return fmt::format("{:%Y-%m-%d %H:%M:%S}Z", utc);
}

Holdings::Stream& Holdings::stream(std::uint64_t run, std::uint32_t stream) {
  const std::pair key{run, stream};
  if (last_ == nullptr || key != last_key_) {
    last_ = &streams_.try_emplace(key, *budget_).first->second;
    last_key_ = key;
  }
  return *last_;
}

bool Holdings::add(const RecordId& id) {
  Stream& to = stream(id.run, id.stream);
  const Interval one{id.sequence, id.sequence + 1};
  if (to.found.add(one) != 0) {
    ++to.doubled;
    to.doubled_ranges.add(one);
    return false;
  }
  if (by_partition_)
    order_in_partition(to, id.sequence);
  else if (id.sequence == to.highest && !to.jump) [[likely]]
    to.highest = one.end;
  else
    order(to, id.sequence);
  return true;
}

void Holdings::order(Stream& of, std::uint64_t sequence) {
  const auto out_of_place = [&](std::uint64_t which) {
    ++of.disordered;
    of.disordered_ranges.add({which, which + 1});
  };
  const auto jump = std::exchange(of.jump, std::nullopt);
  if (jump && sequence == jump->from) {
    // The line goes on where it was before the jump. Of two that changed places the later is told.
    const bool swapped = jump->to == jump->from + 1;
    out_of_place(swapped ? sequence : jump->to);
    of.highest = swapped ? jump->to + 1 : sequence + 1;
  } else if (sequence < of.highest) {
    out_of_place(sequence);
  } else {
    if (sequence > of.highest) of.jump = {of.highest, sequence};
    of.highest = sequence + 1;
  }
}

void Holdings::order_in_partition(Stream& of, std::uint64_t sequence) const {
  if (partition_ < 0) return;
  const auto at = static_cast<std::size_t>(partition_);
  if (of.lines.size() <= at) of.lines.resize(at + 1);
  Stream::Line& line = of.lines[at];
  const auto out_of_place = [&](std::uint64_t which) {
    ++of.disordered;
    of.disordered_ranges.add({which, which + 1});
  };
  if (sequence >= line.highest) {
    line.before = std::exchange(line.highest, sequence + 1);
    line.rose = true;
  } else if (line.rose && sequence >= line.before) {
    out_of_place(line.highest - 1);  // it alone came too early
    line.highest = sequence + 1;
    line.rose = false;
  } else {
    out_of_place(sequence);
    line.rose = false;
  }
}

void Holdings::add(std::uint64_t run, std::uint32_t number, Interval range) {
  Stream& to = stream(run, number);
  if (to.found.count_in(range) > 0) {
    IntervalSet whole;
    whole.add(range);
    IntervalSet there = whole;
    to.found.each_missing(whole, [&](Interval missing, std::uint64_t count) {
      IntervalSet gap;
      gap.add(missing);
      if (count == missing.size()) there = there.minus(gap);
    });
    there.each([&](Interval known) { to.doubled_ranges.add(known); });
  }
  to.doubled += to.found.add(range);
}

Verdict balance(const ClaimedRun& claimed, const Holdings& held, std::string stage) {
  Verdict verdict;
  verdict.run = run_name(claimed.run.run);
  verdict.stage = std::move(stage);
  verdict.foreign = held.foreign();
  const std::uint64_t run = claimed.run.run;
  SequenceSet::Budget none(0);
  const Holdings::Stream nothing_held(none);
  bool spread = false;
  const bool ordered = claimed.run.placing == "key" && held.knows_partitions();
  for (const auto& [number, claim] : claimed.streams) {
    const auto found = held.streams().find({run, number});
    balance_stream(claim, found == held.streams().end() ? nothing_held : found->second, ordered,
                   verdict);
    spread |= claim.partition < 0;
  }
  // Streams of the run of which nobody claimed anything.
  for (auto at = held.streams().lower_bound({run, 0});
       at != held.streams().end() && at->first.first == run; ++at)
    if (!claimed.streams.contains(at->first.second)) {
      StreamClaim unheard_of;
      unheard_of.stream = at->first.second;
      balance_stream(unheard_of, at->second, false, verdict);
    }
  if (spread && !ordered) verdict.not_shown.push_back("order: streams are spread over partitions");
  return verdict;
}

}  // namespace ds
