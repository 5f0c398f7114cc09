#include "ledger/clock_bounds.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/json_writer.h"
#include "record/identity.h"

namespace ds {
namespace {

using Json = nlohmann::json;

constexpr int kWordVersion = 1;
constexpr std::int64_t kTickUs = 1000;                       // the grain of the broker's times
constexpr std::int64_t kFarthestUs = std::int64_t{1} << 60;  // sums of two stay far from the end

std::string amount(std::int64_t us) {
  return us >= 1'000'000 ? fmt::format("{:.3f} s", static_cast<double>(us) / 1e6)
                         : fmt::format("{:.1f} ms", static_cast<double>(us) / 1e3);
}

/// Upwards to a tenth of a millisecond, so that it still bounds.
std::string bound(std::int64_t us) {
  return amount((us + 99) / 100 * 100);
}

std::int64_t farthest(const ClockBounds& bounds) {
  return std::max(std::abs(bounds.least_us), std::abs(bounds.most_us));
}

}  // namespace

ClockBounds widened(ClockBounds bounds, std::int64_t elapsed_us) {
  const std::int64_t by = std::abs(elapsed_us) / 1'000'000 * kDriftPpm +
                          std::abs(elapsed_us) % 1'000'000 * kDriftPpm / 1'000'000 + 1;
  return {bounds.least_us - by, bounds.most_us + by};
}

void ClockEstimate::add(const ClockSample& sample) {
  const std::int64_t way_us = sample.answered_us - sample.sent_us;
  const ClockBounds told = widened({sample.stored_ms * 1000 - sample.answered_us,
                                    sample.stored_ms * 1000 + kTickUs - sample.sent_us},
                                   way_us);
  std::optional<ClockBounds> both;
  if (sample.broker == broker_) both = bounds(sample.at);
  if (both) {
    both->least_us = std::max(both->least_us, told.least_us);
    both->most_us = std::min(both->most_us, told.most_us);
    if (both->least_us > both->most_us) both.reset();
  }
  way_us_ = both ? std::min(way_us_, way_us) : way_us;
  known_ = both.value_or(told);
  broker_ = sample.broker;
  at_ = sample.at;
}

std::optional<ClockBounds> ClockEstimate::bounds(Nanos now) const {
  if (!known_) return std::nullopt;
  return widened(*known_, (now - at_) / kMicrosecond);
}

std::int64_t ClockEstimate::wait_us(std::int64_t wall_us, Nanos now) const {
  const auto known = bounds(now);
  if (!known) return 0;
  const std::int64_t stored_us = wall_us + known->middle_us() + way_us_ / 2;
  return (kTickUs - stored_us % kTickUs) % kTickUs;
}

std::string clock_word(const ClockOwner& owner, std::int32_t broker, ClockBounds ahead) {
  std::string topic;
  append_json_string(topic, owner.topic);
  return fmt::format(
      R"({{"v":{},"run":"{}","shard":{},"topic":{},"broker":{},"ahead_us":[{},{}]}})", kWordVersion,
      run_name(owner.run), owner.shard, topic, broker, ahead.least_us, ahead.most_us);
}

std::string ClockDifference::words() const {
  const char* const whose = clocks == 1 ? "the storm's" : "a storm's";
  const std::string of = clocks == 1 ? "" : fmt::format(", the farthest of {}", clocks);
  if (!matters())
    return fmt::format("this clock is within {} of {}", bound(farthest(ahead)),
                       clocks == 1 ? "the storm's" : fmt::format("those of {} storms", clocks));
  const bool is_ahead = ahead.least_us > 0;
  return fmt::format(
      "this clock is {} {} {} (± {}{}): latencies from fetched on are so much too {}",
      amount(std::abs(ahead.middle_us())), is_ahead ? "ahead of" : "behind", whose,
      bound((ahead.most_us - ahead.least_us + 1) / 2), of, is_ahead ? "long" : "short");
}

void ClockBook::add(std::string_view word, std::int64_t stored_ms) {
  try {
    const Json json = Json::parse(word);
    if (json.at("v") != kWordVersion || json.at("topic") != topic_) return;
    const std::string& name = json.at("run").get_ref<const std::string&>();
    std::uint64_t run = 0;
    std::from_chars(name.data(), name.data() + name.size(), run, 16);
    const auto& ahead = json.at("ahead_us");
    const Word read{
        .broker = json.at("broker"), .ahead = {ahead.at(0), ahead.at(1)}, .stored_ms = stored_ms};
    if (read.ahead.least_us > read.ahead.most_us || read.ahead.least_us < -kFarthestUs ||
        read.ahead.most_us > kFarthestUs || stored_ms < 0 || stored_ms > kFarthestUs / 1000)
      return;
    const std::pair owner(run, json.at("shard").get<std::uint32_t>());
    if (words_.size() < kClocksMax || words_.contains(owner)) words_[owner] = read;
  } catch (const Json::exception&) {
    return;  // anybody may write there
  }
}

std::optional<ClockDifference> ClockBook::compare(const ClockEstimate& ours, std::int64_t wall_us,
                                                  Nanos now) {
  const auto broker_ahead = ours.bounds(now);
  if (!broker_ahead) return std::nullopt;
  const std::int64_t broker_us = wall_us + broker_ahead->middle_us();
  std::erase_if(words_, [&](const auto& each) {
    const std::int64_t age_ms = broker_us / 1000 - each.second.stored_ms;
    return age_ms > kForgottenMs || age_ms < -kSilentMs;  // or the broker's clock was set back
  });
  std::int64_t last_ms = 0;
  for (const auto& [owner, word] : words_) last_ms = std::max(last_ms, word.stored_ms);
  std::optional<ClockDifference> difference;
  std::size_t clocks = 0;
  for (const auto& [owner, word] : words_) {
    if (word.stored_ms < last_ms - kSilentMs || word.broker != ours.broker()) continue;
    const ClockBounds theirs = widened(word.ahead, broker_us - word.stored_ms * 1000);
    const ClockBounds ahead{theirs.least_us - broker_ahead->most_us,
                            theirs.most_us - broker_ahead->least_us};
    ++clocks;
    if (!difference || std::abs(ahead.middle_us()) > std::abs(difference->ahead.middle_us()))
      difference = {ahead};
  }
  if (difference) difference->clocks = clocks;
  return difference;
}

}  // namespace ds
