// How fast one core makes finished record batches of tweets, checksum included, against memcpy of
// the same bytes into the same buffers: the two in turn, so that a machine that slows down slows
// both.
#include <cstring>

#include "bench/suite.h"
#include "storm/tweet_filler.h"

namespace ds {
namespace {

constexpr std::size_t kBufferBytes = 1'048'576;
constexpr std::uint64_t kBatch = 8000;

struct Passed {
  double records = 0, bytes = 0, seconds = 0;
};

/// Calls `once(i)` (it returns the bytes of the i-th batch) for about `duration`.
template <typename Once>
Passed repeat(const Clock& clock, Nanos duration, Once&& once) {
  Passed passed;
  const Nanos begun = clock.now(), end = begun + duration;
  std::uint64_t i = 0;
  while (clock.now() < end)
    for (int n = 0; n < 8; ++n) passed.bytes += static_cast<double>(once(i++));
  passed.seconds = static_cast<double>(clock.now() - begun) / 1e9;
  passed.records = static_cast<double>(i * kBatch);
  return passed;
}

/// Adds the rows for `slots` buffers in turn: 4 lie in the last cache, 32 do not.
void measure(const BenchContext& context, std::size_t slots, std::vector<BenchRow>& rows) {
  const TweetGenerator generator(TweetSettings{});
  const MixBook mixes(
      *Mix::fixed({50 * Percent::kOne}, {30 * Percent::kOne}, {20 * Percent::kOne}));
  TweetFiller filler({.run = 1}, generator, mixes);
  std::vector<ByteVec> buffers(slots, ByteVec(kBufferBytes));
  ByteVec source(kBufferBytes);
  std::size_t size = 0;
  const auto fill = [&](std::uint64_t i) {
    size =
        filler
            .fill({.batch = i, .mix_batch = i, .count = kBatch, .timestamp_ms = 1'763'700'000'000},
                  buffers[i % slots])
            .bytes;
    return size;
  };
  const auto copy = [&](std::uint64_t i) {
    ByteVec& to = buffers[i % slots];
    std::memcpy(to.data(), source.data(), size);
    asm volatile("" : : "r"(to.data()) : "memory");  // the copy must not be left out
    return size;
  };
  repeat(context.clock, context.duration / 10, fill);
  repeat(context.clock, context.duration / 10, copy);

  std::vector<double> rates, bandwidths, copies, ratios;
  for (int run = 0; run < context.runs; ++run) {
    const Passed filled = repeat(context.clock, context.duration / 2, fill);
    const Passed copied = repeat(context.clock, context.duration / 2, copy);
    rates.push_back(filled.records / filled.seconds / 1e6);
    bandwidths.push_back(filled.bytes / filled.seconds / 1e9);
    copies.push_back(copied.bytes / copied.seconds / 1e9);
    ratios.push_back(bandwidths.back() / copies.back());
  }
  const std::string conditions = fmt::format(
      "one core, tweets of {:.1f} B as sent, batches of 8000, CRC included, {} slots of 1 MiB",
      static_cast<double>(size) / kBatch, slots);
  const std::string suffix = fmt::format(", {} slots", slots);
  rows.push_back(row_of("encode" + suffix, "M records/s", rates, conditions));
  rows.push_back(row_of("encode bytes" + suffix, "GB/s", bandwidths, conditions));
  rows.push_back(row_of("memcpy of the same bytes" + suffix, "GB/s", copies, "reference"));
  rows.push_back(row_of("P1 encode / memcpy" + suffix, "ratio", ratios, "goal >= 0.5"));
}

}  // namespace

Result<std::vector<BenchRow>> bench_encode(const BenchContext& context) {
  std::vector<BenchRow> rows;
  for (const std::size_t slots : {4, 32}) measure(context, slots, rows);
  return rows;
}

}  // namespace ds
