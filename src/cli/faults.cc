#include "cli/faults.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <sstream>

#include "base/thread_name.h"
#include "base/units.h"
#include "base/wrong_use.h"

namespace ds::cli {
namespace {

constexpr Nanos kUsual = 5 * kSecond;  // how long before a fault its usual backlog is looked for
constexpr Nanos kStep = 20 * kMillisecond;

constexpr FaultWords kWords[] = {
    {FaultKind::kFreezeSink, "freeze-sink", "", "", "writes", "the store takes nothing"},
    {FaultKind::kSlowSink, "slow-sink", "by", "100ms", "writes",
     "each of the store's writes takes so much longer"},
    {FaultKind::kPausePartition, "pause-partition", "partition", "0", "batches",
     "nothing of it reaches the pipeline"},
    {FaultKind::kLoseAcknowledgements, "lose-acknowledgements", "every", "1", "answers",
     "the broker has it, and nobody is told"},
    {FaultKind::kDuplicate, "duplicate", "every", "1", "requests",
     "a request reaches the broker twice"},
    {FaultKind::kSkewClock, "skew-clock", "by", "", "clock readings",
     "the storm's wall clock is off by so much"},
};

std::string example_of(const FaultWords& words) {
  std::string text = fmt::format("{} = \"30s for 5s", words.name);
  if (!words.option.empty())
    text += fmt::format(" {} {}", words.option, words.usual.empty() ? "-3s" : words.usual);
  return text + '"';
}

Result<std::int64_t> parse_amount(const FaultWords& words, std::string_view text) {
  if (words.option == "by") {
    const bool back = text.starts_with('-') && words.kind == FaultKind::kSkewClock;
    auto time = parse_duration(text.substr(back ? 1 : 0));
    if (!time) return std::move(time).error();
    if (*time == 0) return wrong_use("it is off by nothing");
    return back ? -*time : *time;
  }
  const auto count = parse_count(text);
  if (!count) return count.error();
  if (words.option == "every" && *count == 0)
    return wrong_use("every 0 is never", "every 1 and up");
  if (*count > 1'000'000'000) return wrong_use(fmt::format("'{}' is out of range", text));
  return static_cast<std::int64_t>(*count);
}

}  // namespace

std::span<const FaultWords> fault_words() {
  return kWords;
}

Result<Fault> parse_fault(std::string_view text) {
  std::istringstream in{std::string(text)};
  std::vector<std::string> given;
  for (std::string word; in >> word;) given.push_back(word);
  const auto* words = std::ranges::find(kWords, given.empty() ? "" : given[0], &FaultWords::name);
  if (words == std::end(kWords)) {
    std::vector<std::string_view> names;
    for (const FaultWords& each : kWords) names.push_back(each.name);
    return wrong_use(fmt::format("there is no fault '{}'", given.empty() ? "" : given[0]),
                     fmt::format("{}", fmt::join(names, ", ")));
  }
  const auto wrong = [&](std::string_view why) {
    return wrong_use(fmt::format("'{}': {}", text, why), example_of(*words));
  };
  const bool optioned = given.size() == 6 && !words->option.empty() && given[4] == words->option;
  if ((given.size() != 4 && !optioned) || given[2] != "for") return wrong("is not understood");
  if (!optioned && !words->option.empty() && words->usual.empty())
    return wrong(fmt::format("'{}' is missing", words->option));
  const auto at = parse_duration(given[1]), length = parse_duration(given[3]);
  if (!at || !length || *length <= 0) return wrong("its times are not understood");
  Fault fault{.kind = words->kind, .at = *at, .length = *length, .text = std::string(text)};
  if (!words->option.empty()) {
    const auto amount = parse_amount(*words, optioned ? given[5] : words->usual);
    if (!amount) return wrong(amount.error().message);
    fault.amount = *amount;
  }
  return fault;
}

std::string sentence_of(const FaultShown& shown) {
  if (!shown.begun) return shown.fault + ": the run ended before it";
  return fmt::format("{}: fell upon {} of the {}, {} records behind at the most, {}", shown.fault,
                     with_commas(shown.injected), shown.upon, with_commas(shown.behind_max),
                     shown.recovery_s
                         ? fmt::format("over {:.2f} s after its end", *shown.recovery_s)
                         : "not over when the run ended");
}

FaultPlay::FaultPlay(std::vector<Fault> faults, FaultTarget target, const Clock& clock)
    : target_(std::move(target)), clock_(clock) {
  for (Fault& fault : faults) {
    Played played{.fault = std::move(fault)};
    played.shown.fault = played.fault.text;
    played.shown.upon = std::ranges::find(kWords, played.fault.kind, &FaultWords::kind)->upon;
    faults_.push_back(std::move(played));
  }
}

void FaultPlay::start() {
  started_ = clock_.now();
  thread_ = std::jthread([this](std::stop_token stop) {
    name_thread("faults");
    std::mutex sleeping;
    std::condition_variable_any wake;
    std::unique_lock lock(sleeping);
    while (!stop.stop_requested()) {
      turn(clock_.now() - started_);
      wake.wait_for(lock, stop, std::chrono::nanoseconds(kStep), [] { return false; });
    }
  });
}

void FaultPlay::turn(Nanos now) {
  const std::lock_guard lock(mutex_);
  // The ends first: the next of a kind may begin in the same moment.
  for (Played& played : faults_)
    if (played.state == State::kOn && now >= played.fault.at + played.fault.length)
      end(played, now);
  for (Played& played : faults_)
    if (played.state == State::kWaits && !lifted_ && now >= played.fault.at) begin(played);
  const std::uint64_t behind = target_.behind();
  for (Played& played : faults_) watch(played, behind, now);
  seen_.push_back({now, behind});
  while (now - seen_.front().at > kUsual) seen_.pop_front();
}

void FaultPlay::begin(Played& played) {
  for (const Seen& seen : seen_) played.usual_behind = std::max(played.usual_behind, seen.behind);
  played.injected_before = target_.injected(played.fault.kind);
  played.state = State::kOn;
  played.shown.begun = true;
  target_.turn(played.fault, true);
}

void FaultPlay::end(Played& played, Nanos now) {
  target_.turn(played.fault, false);
  played.shown.injected = target_.injected(played.fault.kind) - played.injected_before;
  played.state = State::kEnded;
  played.ended = now;
}

void FaultPlay::watch(Played& played, std::uint64_t behind, Nanos now) {
  if (played.state != State::kOn && played.state != State::kEnded) return;
  played.shown.behind_max = std::max(played.shown.behind_max, behind);
  if (played.state == State::kOn || now <= played.ended || behind > played.usual_behind) return;
  played.state = State::kOver;
  played.shown.recovery_s = static_cast<double>(now - played.ended) / 1e9;
}

void FaultPlay::lift() {
  const std::lock_guard lock(mutex_);
  lifted_ = true;
  for (Played& played : faults_)
    if (played.state == State::kOn) end(played, clock_.now() - started_);
}

std::vector<FaultShown> FaultPlay::stop() {
  if (thread_.joinable()) {
    thread_.request_stop();
    thread_.join();
    turn(clock_.now() - started_);
  }
  std::vector<FaultShown> all;
  for (const Played& played : faults_) all.push_back(played.shown);
  return all;
}

}  // namespace ds::cli
