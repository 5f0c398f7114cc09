// What one core spends on a batch of tweets: encoding alone, its checksum alone, both as they are
// sent, against memcpy of the same bytes into the same buffers; all four in turns, so that a
// machine that slows down slows all. The batches are the defaults' 8,000 tweets in slots of 1 MiB;
// the number of slots decides which cache they lie in: 1 stays in the second level, 4 is what a
// worker has under way on a quiet loopback, 32 is a full window. Then what keys cost: the same
// batches dressed into parts for 32 partitions and finished, checksums included, against plain
// ones.
//
//   tweet_filler_bench [SECONDS]
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "base/clock.h"
#include "kafka/wire/crc32c.h"
#include "storm/dresser.h"
#include "storm/tweet_filler.h"

namespace ds {
namespace {

constexpr std::size_t kSlotBytes = 1'048'576;
constexpr std::uint32_t kBatch = 8000;

/// Bytes a second of `once(i)`, which returns the bytes that it handled.
template <typename Once>
double rate(const Clock& clock, Nanos duration, Once&& once) {
  const Nanos begun = clock.now();
  std::size_t bytes = 0;
  std::uint64_t i = 0;
  while (clock.now() - begun < duration)
    for (int n = 0; n < 8; ++n) bytes += once(i++);
  return static_cast<double>(bytes) / static_cast<double>(clock.now() - begun);
}

double median(std::vector<double>& values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

void measure(const Clock& clock, const char* what, const TweetGenerator& generator,
             std::size_t slot_count, Nanos duration) {
  const MixBook mixes(
      *Mix::fixed({50 * Percent::kOne}, {30 * Percent::kOne}, {20 * Percent::kOne}));
  TweetFiller filler({.run = 1}, generator, mixes);
  std::vector<ByteVec> slots(slot_count, ByteVec(kSlotBytes));
  const ByteVec source(kSlotBytes);
  std::size_t size = 0;
  const auto fill = [&](std::uint64_t i) {
    return size = filler
                      .fill({.batch = i,
                             .mix_batch = i,
                             .count = kBatch,
                             .timestamp_ms = 1'763'700'000'000},
                            slots[i % slot_count])
                      .bytes;
  };
  const auto copy = [&](std::uint64_t i) {
    std::memcpy(slots[i % slot_count].data(), source.data(), size);
    asm volatile("" : : "r"(slots[i % slot_count].data()) : "memory");
    return size;
  };
  std::uint32_t sum = 0;
  const auto check_sum = [&](std::uint64_t i) {
    sum ^= kafka::crc32c(ByteView(slots[i % slot_count]).first(size));
    asm volatile("" : : "r"(sum));
    return size;
  };
  std::vector<double> fills, copies, sums, ratios;
  constexpr int kTurns = 7;
  for (int turn = 0; turn < kTurns; ++turn) {
    fills.push_back(rate(clock, duration / (3 * kTurns), fill));
    copies.push_back(rate(clock, duration / (3 * kTurns), copy));
    sums.push_back(rate(clock, duration / (3 * kTurns), check_sum));
    ratios.push_back(fills.back() / copies.back());
  }
  const double record = static_cast<double>(size) / kBatch;
  const double filled = median(fills);
  fmt::print(
      "{:<22} {:2} slots  {:5.1f} M records/s of {:5.1f} B  {:5.1f} GB/s  memcpy {:5.1f}  "
      "crc {:5.1f}  ratio {:.2f} ({:.2f}-{:.2f})\n",
      what, slot_count, filled / record * 1e3, record, filled, median(copies), median(sums),
      median(ratios), ratios.front(), ratios.back());
}

void measure_keyed(const Clock& clock, const char* keys, const TweetGenerator& generator,
                   Nanos duration) {
  const MixBook mixes(
      *Mix::fixed({50 * Percent::kOne}, {30 * Percent::kOne}, {20 * Percent::kOne}));
  TweetFiller filler({.run = 1}, generator, mixes);
  DresserSettings settings{.partitions = 32};
  settings.dress = {.keys = *parse_keys(keys), .placing = Placing::kKey};
  Dresser dresser(settings);
  ByteVec made(kSlotBytes), sent(kSlotBytes);
  const auto plain = [&](std::uint64_t i) -> std::size_t {
    filler.fill({.batch = i, .mix_batch = i, .count = kBatch, .timestamp_ms = 1'763'700'000'000},
                made);
    return kBatch;
  };
  const auto keyed = [&](std::uint64_t i) -> std::size_t {
    const FillRequest request{
        .batch = i, .mix_batch = i, .count = kBatch, .timestamp_ms = 1'763'700'000'000};
    dresser.dress(ByteView(made).first(filler.fill(request, made).bytes), request);
    for (const Dresser::Part& part : dresser.parts()) dresser.finish(part, {}, sent);
    return kBatch;
  };
  std::vector<double> without, with;
  constexpr int kTurns = 7;
  for (int turn = 0; turn < kTurns; ++turn) {
    without.push_back(rate(clock, duration / (2 * kTurns), plain));
    with.push_back(rate(clock, duration / (2 * kTurns), keyed));
  }
  const double a = median(without), b = median(with);
  fmt::print("keys {:<17} {:5.1f} M records/s ({:.1f} ns)  without {:5.1f} ({:.1f} ns)\n", keys,
             b * 1e3, 1 / b, a * 1e3, 1 / a);
}

}  // namespace
}  // namespace ds

int main(int count, char** arguments) {
  const double seconds = count > 1 ? std::atof(arguments[1]) : 1;
  const auto duration = static_cast<ds::Nanos>(seconds * 1e9);
  const ds::SystemClock clock;
  const ds::TweetGenerator plain{ds::TweetSettings{}};
  for (const std::size_t slots : {1, 4, 32}) ds::measure(clock, "defaults", plain, slots, duration);
  ds::TweetSettings many;
  many.brands.clear();
  for (int i = 0; i < 100; ++i)
    many.brands.push_back({fmt::format("SuperBrand{}", i % 10 + 10 * (i / 10)), 1});
  const ds::TweetGenerator branded(many);
  ds::measure(clock, "100 brands", branded, 4, duration);
  for (const char* keys : {"uniform", "zipf", "one", "brand", "field:tweetId"})
    ds::measure_keyed(clock, keys, plain, duration);
}
