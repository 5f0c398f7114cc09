// How fast one core makes finished record batches of tweets, checksum included, against memcpy of
// the same bytes into the same buffers. The two take turns of some milliseconds, each batch is
// timed by itself, and a run's figure is its median batch: a machine that is busy elsewhere takes
// the core away for whole milliseconds, which hits few batches.
#include <algorithm>
#include <cstring>

#include "bench/storm_rig.h"
#include "bench/suite.h"
#include "storm/tweet_filler.h"

namespace ds {
namespace {

constexpr std::size_t kBufferBytes = 1'048'576;
constexpr std::uint64_t kBatch = 8000;

constexpr int kTurn = 64;  // batches

/// Appends how long each of a turn's batches took; `once(i)` makes the i-th.
template <typename Once>
void take_turn(const Clock& clock, std::uint64_t first, std::vector<Nanos>& times, Once&& once) {
  Nanos begun = clock.now();
  for (std::uint64_t i = first; i < first + kTurn; ++i) {
    once(i);
    const Nanos done = clock.now();
    times.push_back(done - begun);
    begun = done;
  }
}

double median_seconds(std::vector<Nanos>& times) {
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::ranges::nth_element(times, middle);
  return static_cast<double>(*middle) / 1e9;
}

/// Adds the rows for `slots` buffers in turn: 4 lie in the last cache, 32 do not.
void measure(const BenchContext& context, std::size_t slots, std::vector<BenchRow>& rows) {
  const TweetGenerator generator(TweetSettings{});
  const MixBook mixes(usual_mix());
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
  };
  const auto copy = [&](std::uint64_t i) {
    ByteVec& to = buffers[i % slots];
    std::memcpy(to.data(), source.data(), size);
    asm volatile("" : : "r"(to.data()) : "memory");  // the copy must not be left out
  };

  std::vector<double> rates, bandwidths, copies, shares;
  std::uint64_t batch = 0;
  for (int run = -1; run < context.runs; ++run) {  // the first warms up
    std::vector<Nanos> filled, copied;
    for (const Nanos end = context.clock.now() + context.duration; context.clock.now() < end;) {
      take_turn(context.clock, batch, filled, fill);
      take_turn(context.clock, batch, copied, copy);
      batch += kTurn;
    }
    if (run < 0) continue;
    const double fill_seconds = median_seconds(filled), copy_seconds = median_seconds(copied);
    rates.push_back(static_cast<double>(kBatch) / fill_seconds / 1e6);
    bandwidths.push_back(static_cast<double>(size) / fill_seconds / 1e9);
    copies.push_back(static_cast<double>(size) / copy_seconds / 1e9);
    shares.push_back(copy_seconds / fill_seconds);
  }
  const Conditions conditions{
      .record_bytes = static_cast<double>(size) / kBatch,
      .codec = "none",
      .engine = "direct",
      .more = fmt::format("one core, default tweets, batches of 8000, CRC included, {} slots of 1 "
                          "MiB; median batch",
                          slots)};
  const std::string suffix = fmt::format(", {} slots", slots);
  rows.push_back(row_of("encode" + suffix, "M records/s", rates, conditions));
  rows.push_back(row_of("encode bytes" + suffix, "GB/s", bandwidths, conditions));
  rows.push_back(row_of("memcpy of the same bytes" + suffix, "GB/s", copies, conditions));
  rows.push_back(
      row_of("encode / memcpy" + suffix, "ratio", shares, conditions).with_goal("P1", true, 0.5));
}

}  // namespace

Rows bench_encode(const BenchContext& context) {
  std::vector<BenchRow> rows;
  for (const std::size_t slots : {4, 32}) measure(context, slots, rows);
  return rows;
}

}  // namespace ds
