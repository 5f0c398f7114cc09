#include "cli/live_balance.h"

#include <fmt/format.h>

#include "base/units.h"

namespace ds::cli {
namespace {

/// Looks without any change before a difference is believed.
constexpr int kQuietTicks = 3;

std::uint64_t above(std::uint64_t a, std::uint64_t b) {
  return a > b ? a - b : 0;
}

}  // namespace

/// A batch whose fate the producer never heard may be stored all the same.
std::uint64_t LiveBalance::surplus(const Snapshot& s) const {
  return above(s.stored, backlog_ + s.counters.acknowledged + s.counters.unknown);
}

BalanceShown LiveBalance::shown(const Snapshot& s, std::uint64_t missing,
                                std::uint64_t doubled) const {
  BalanceShown shown{.missing = missing, .doubled = doubled};
  shown.ok = missing == 0 && doubled == 0 && s.counters.acknowledged == s.counters.scheduled &&
             s.counters.failed == 0;
  if (missing > 0) {
    shown.text = fmt::format("{} acknowledged tweets are not stored", with_commas(missing));
  } else if (doubled > 0) {
    shown.text = fmt::format("{} tweets more than acknowledged are stored", with_commas(doubled));
  } else if (s.counters.acknowledged == s.counters.scheduled) {
    shown.text = fmt::format(
        "scheduled = acknowledged = stored: every tweet is accounted for{}",
        backlog_ > 0 ? fmt::format(" ({} of them from before)", with_commas(backlog_)) : "");
  } else {
    shown.text =
        fmt::format("every acknowledged tweet is stored; {} were scheduled and not acknowledged",
                    with_commas(above(s.counters.scheduled, s.counters.acknowledged)));
  }
  return shown;
}

BalanceShown LiveBalance::settle(const Snapshot& s) const {
  return shown(s, above(backlog_ + s.counters.acknowledged, s.stored), surplus(s));
}

BalanceShown LiveBalance::settle(const Snapshot& s, const Verdict& of_this_run) const {
  BalanceShown told = shown(s, of_this_run.lost, of_this_run.duplicated);
  if (const std::uint64_t others = above(surplus(s), of_this_run.duplicated); others > 0)
    told.text += fmt::format(", and {} that others wrote", with_commas(others));
  return told;
}

BalanceShown LiveBalance::look(const Snapshot& s) {
  const bool quiet = s.counters.acknowledged == acknowledged_before_ && s.stored == stored_before_;
  quiet_ticks_ = quiet ? quiet_ticks_ + 1 : 0;
  acknowledged_before_ = s.counters.acknowledged;
  stored_before_ = s.stored;
  if (const std::uint64_t more = surplus(s); quiet && more > 0)
    return {.text = fmt::format("every tweet is accounted for, and {} more are stored: others "
                                "wrote them, or they came twice; datastorm verify tells",
                                with_commas(more))};
  if (quiet_ticks_ >= kQuietTicks && s.lag.records == 0) return settle(s);
  const std::uint64_t on_the_way = above(backlog_ + s.counters.acknowledged, s.stored);
  return {.text = on_the_way == 0 ? "every tweet is accounted for"
                                  : fmt::format("every tweet is accounted for, {} on the way",
                                                with_commas(on_the_way))};
}

}  // namespace ds::cli
