#include "ledger/reading_numbers.h"

#include <fmt/format.h>

#include <charconv>

#include "base/clock.h"

namespace ds {
namespace {

/// What stands behind "name=" in words with blanks between them.
std::optional<std::string_view> word_of(std::string_view words, std::string_view name) {
  for (std::size_t at = 0; at < words.size();) {
    const std::size_t end = std::min(words.find(' ', at), words.size());
    const std::string_view word = words.substr(at, end - at);
    if (word.starts_with(name) && word.size() > name.size() && word[name.size()] == '=')
      return word.substr(name.size() + 1);
    at = end + 1;
  }
  return std::nullopt;
}

template <typename Number>
bool read_number(std::string_view words, std::string_view name, Number& into) {
  const auto text = word_of(words, name);
  if (!text) return false;
  const auto [end, wrong] = std::from_chars(text->data(), text->data() + text->size(), into);
  return wrong == std::errc() && end == text->data() + text->size();
}

}  // namespace

std::optional<ReadingRun> ReadingRun::from(const RunClaim& claim) {
  if (claim.payload != kReadingPayload) return std::nullopt;
  ReadingRun run{.seed = claim.seed, .started_ms = claim.started_ms, .ended_ms = claim.ended_ms};
  const auto text = word_of(claim.settings, "distribution");
  const auto distribution = parse_distribution(text.value_or(""));
  if (!distribution || !read_number(claim.settings, "producers", run.producers) ||
      !read_number(claim.settings, "first", run.first_producer) ||
      !read_number(claim.settings, "rate", run.rate) || run.producers == 0 || !(run.rate > 0))
    return std::nullopt;
  run.distribution = *distribution;
  return run;
}

void ReadingRun::put_into(RunClaim& claim) const {
  claim.payload = kReadingPayload;
  claim.streams = 1;
  claim.batch_size = 1;
  claim.seed = seed;
  claim.started_ms = started_ms;
  claim.ended_ms = ended_ms;
  claim.settings = fmt::format("producers={} first={} rate={} distribution={}", producers,
                               first_producer, rate, distribution.to_string());
}

Reading ReadingRun::reading(std::uint64_t number) const {
  const std::int64_t producer = first_producer + static_cast<std::int64_t>(number % producers);
  const auto sequence = static_cast<std::int64_t>(number / producers);
  const auto after = static_cast<Nanos>(static_cast<double>(number) * 1e9 / rate);
  return {distribution.at(seed, producer, sequence), started_ms + after / kMillisecond, producer,
          sequence};
}

IntervalSet ReadingRun::of_producer(std::int64_t producer_id, const IntervalSet& numbers) const {
  const auto place = static_cast<std::uint64_t>(producer_id - first_producer);
  // The first of its sequence numbers whose reading is number `at` or later.
  const auto from = [&](std::uint64_t at) {
    return at <= place ? 0 : (at - place + producers - 1) / producers;
  };
  IntervalSet own;
  numbers.each([&](Interval range) {
    const std::uint64_t begin = from(range.begin), end = from(range.end);
    if (begin < end) own.add(begin, end);
  });
  return own;
}

}  // namespace ds
