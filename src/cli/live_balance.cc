#include "cli/live_balance.h"

#include <fmt/format.h>

#include "base/units.h"

namespace ds::cli {
namespace {

/// Without any change for so long a difference is believed.
constexpr Nanos kQuiet = 3 * kSecond;

std::uint64_t above(std::uint64_t a, std::uint64_t b) {
  return a > b ? a - b : 0;
}

bool unconfirmed(const Snapshot& s) {
  return s.acks == "0";
}

/// What is to be stored: with acks=0 nobody acknowledges, and what was written counts.
std::uint64_t delivered(const Snapshot& s) {
  return unconfirmed(s) ? s.counters.written : s.counters.acknowledged;
}

}  // namespace

/// A batch whose fate the producer never heard may be stored all the same.
std::uint64_t LiveBalance::surplus(const Snapshot& s) const {
  return above(s.stored, backlog_ + delivered(s) + s.counters.unknown);
}

BalanceShown LiveBalance::shown(const Snapshot& s, std::uint64_t missing,
                                std::uint64_t doubled) const {
  BalanceShown shown{.missing = missing, .doubled = doubled};
  const std::string_view word = unconfirmed(s) ? "written" : "acknowledged";
  shown.ok = missing == 0 && doubled == 0 && delivered(s) == s.counters.scheduled &&
             s.counters.failed == 0;
  if (missing > 0) {
    shown.text = fmt::format("{} {} tweets are not stored", with_commas(missing), word);
  } else if (doubled > 0) {
    shown.text = fmt::format("{} tweets more than {} are stored", with_commas(doubled), word);
  } else if (delivered(s) == s.counters.scheduled) {
    shown.text = fmt::format(
        "scheduled = {} = stored: every tweet is accounted for{}", word,
        backlog_ > 0 ? fmt::format(" ({} of them from before)", with_commas(backlog_)) : "");
  } else {
    shown.text = fmt::format("every {0} tweet is stored; {1} were scheduled and not {0}", word,
                             with_commas(above(s.counters.scheduled, delivered(s))));
  }
  return shown;
}

BalanceShown LiveBalance::settle(const Snapshot& s) const {
  return shown(s, above(backlog_ + delivered(s), s.stored), surplus(s));
}

BalanceShown LiveBalance::settle(const Snapshot& s, const Verdict& of_this_run) const {
  BalanceShown told = shown(s, of_this_run.lost, of_this_run.duplicated);
  if (const std::uint64_t others = above(surplus(s), of_this_run.duplicated); others > 0)
    told.text += fmt::format(", and {} that others wrote", with_commas(others));
  return told;
}

BalanceShown LiveBalance::look(const Snapshot& s, Nanos now) {
  const bool quiet = delivered(s) == delivered_before_ && s.stored == stored_before_;
  if (!quiet) moved_at_ = now;
  delivered_before_ = delivered(s);
  stored_before_ = s.stored;
  if (const std::uint64_t more = surplus(s); quiet && more > 0)
    return {.text = fmt::format("every tweet is accounted for, and {} more are stored: others "
                                "wrote them, or they came twice; datastorm verify tells",
                                with_commas(more))};
  // A storm that has just been started again has moved nothing yet.
  const std::uint64_t undecided =
      above(s.counters.scheduled, delivered(s) + s.counters.failed + s.counters.unknown);
  if (now - moved_at_ >= kQuiet && s.lag.records == 0 && undecided == 0) return settle(s);
  const std::uint64_t on_the_way = above(backlog_ + delivered(s), s.stored);
  return {.text = on_the_way == 0 ? "every tweet is accounted for"
                                  : fmt::format("every tweet is accounted for, {} on the way",
                                                with_commas(on_the_way))};
}

}  // namespace ds::cli
