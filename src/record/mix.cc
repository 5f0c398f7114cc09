#include "record/mix.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/random.h"

namespace ds {
namespace {

using Wide = unsigned __int128;
constexpr std::uint64_t kHundred = 100 * Percent::kOne;

Error wrong(std::string message) {
  return Error{.code = ErrorCode::kUsage,
               .message = std::move(message),
               .hint = "percentages from 0 to 100 with at most 9 decimals, adding up to 100"};
}

}  // namespace

Result<Percent> Percent::parse(std::string_view text) {
  const std::size_t dot = std::min(text.find('.'), text.size());
  const std::string_view whole = text.substr(0, dot);
  std::string_view part = dot < text.size() ? text.substr(dot + 1) : std::string_view();
  while (part.ends_with('0')) part.remove_suffix(1);
  const bool empty = whole.empty() || (dot + 1 == text.size());
  if (empty || whole.size() > 3 || part.size() > 9)
    return wrong(fmt::format("'{}' is not a percentage", text));
  std::uint64_t value = 0, unit = kOne;
  for (const char c : whole) {
    if (c < '0' || c > '9') return wrong(fmt::format("'{}' is not a percentage", text));
    value = value * 10 + static_cast<std::uint64_t>(c - '0') * kOne;
  }
  for (const char c : part) {
    if (c < '0' || c > '9') return wrong(fmt::format("'{}' is not a percentage", text));
    unit /= 10;
    value += static_cast<std::uint64_t>(c - '0') * unit;
  }
  if (value > kHundred) return wrong(fmt::format("{} % is more than all", text));
  return Percent{value};
}

std::string Percent::to_string() const {
  std::string text = fmt::format("{}.{:09}", billionths / kOne, billionths % kOne);
  while (text.ends_with('0')) text.pop_back();
  if (text.ends_with('.')) text.pop_back();
  return text;
}

Result<Mix> Mix::fixed(Percent positive, Percent negative, Percent neutral) {
  Mix mix;
  mix.shares_ = {positive, negative, neutral};
  const std::uint64_t sum = positive.billionths + negative.billionths + neutral.billionths;
  if (sum != kHundred)
    return wrong(fmt::format("{} + {} + {} is {} percent, not 100", positive.to_string(),
                             negative.to_string(), neutral.to_string(), Percent{sum}.to_string()));
  return mix;
}

Result<Mix> Mix::swinging(Percent positive, Percent negative, Percent neutral, double factor,
                          std::uint64_t seed) {
  if (!(factor >= 0 && factor <= 1))
    return Error{.code = ErrorCode::kUsage,
                 .message = fmt::format("the volatility {} is not from 0 to 1", factor),
                 .hint = "0 is steady; with 1 a batch may be all of one kind"};
  auto mix = fixed(positive, negative, neutral);
  if (!mix) return mix;
  mix->volatile_ = true;
  mix->factor_ = factor;
  mix->seed_ = seed;
  return mix;
}

Mix::Counts Mix::counts(std::uint64_t b, std::uint64_t size) const {
  Counts counts{};
  if (volatile_ && factor_ > 0) {
    // Between the steady shares and a random point of the triangle of all mixes; the cube makes
    // extremes (nearly all of one kind) as likely as moderate ones.
    Random random(seed_, b * 4);
    std::array<double, kSentiments> draw{};
    double sum = 0;
    for (double& each : draw) sum += each = -std::log(1 - random.unit());
    for (double& each : draw) each /= sum;
    double cubes = 0;
    for (double& each : draw) cubes += each = each * each * each;
    double cumulative = 0;
    std::uint32_t before = 0;
    for (std::size_t k = 0; k < kSentiments; ++k) {
      cumulative += (1 - factor_) * shares_[k].value() / 100 + factor_ * draw[k] / cubes;
      const auto until = k + 1 == kSentiments
                             ? static_cast<std::uint32_t>(size)
                             : static_cast<std::uint32_t>(std::min<double>(
                                   static_cast<double>(size),
                                   std::floor(cumulative * static_cast<double>(size) + 0.5)));
      counts[k] = std::max(until, before) - before;
      before = std::max(until, before);
    }
    return counts;
  }
  const bool roomy = std::ranges::all_of(shares_, [&](Percent share) {
    return share.billionths == 0 || Wide(size) * share.billionths >= 2 * Wide(kHundred);
  });
  const auto begin = roomy ? prefix(b * size) : nested_prefix(b * size);
  const auto end = roomy ? prefix((b + 1) * size) : nested_prefix((b + 1) * size);
  for (std::size_t k = 0; k < kSentiments; ++k)
    counts[k] = static_cast<std::uint32_t>(end[k] - begin[k]);
  return counts;
}

std::array<std::uint64_t, kSentiments> Mix::prefix(std::uint64_t records) const {
  std::array<std::uint64_t, kSentiments> held{};
  std::uint64_t cumulative = 0, before = 0;
  for (std::size_t k = 0; k < kSentiments; ++k) {
    cumulative += shares_[k].billionths;
    const auto until = static_cast<std::uint64_t>(Wide(records) * cumulative / kHundred);
    held[k] = until - before;
    before = until;
  }
  return held;
}

std::array<std::uint64_t, kSentiments> Mix::nested_prefix(std::uint64_t records) const {
  const auto [positive, negative, neutral] = shares_;
  const auto first = static_cast<std::uint64_t>(Wide(records) * positive.billionths / kHundred);
  const std::uint64_t rest = records - first, both = negative.billionths + neutral.billionths;
  const auto second =
      both == 0 ? 0 : static_cast<std::uint64_t>(Wide(rest) * negative.billionths / both);
  return {first, second, rest - second};
}

std::string Mix::to_string() const {
  const std::string shares = fmt::format("{}/{}/{}", shares_[0].to_string(), shares_[1].to_string(),
                                         shares_[2].to_string());
  return volatile_ ? fmt::format("volatile {} by {}", shares, factor_) : "fixed " + shares;
}

}  // namespace ds
