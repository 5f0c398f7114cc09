// What 10,000 records cost to serialise, before and after pre-serialising, and to send: the old
// system's table. Processor time of the thread that does it, so that others on the machine do not
// count.
#include <time.h>

#include <algorithm>

#include "bench/discard_peer.h"
#include "bench/resend_probe.h"
#include "bench/storm_rig.h"
#include "bench/suite.h"
#include "record/avro_tweet.h"

namespace ds {
namespace {

constexpr std::uint64_t kRecords = 10'000;
constexpr std::int64_t kNowMs = 1'763'700'000'000;

double cpu_ms() {
  timespec spent{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
  return static_cast<double>(spent.tv_sec) * 1e3 + static_cast<double>(spent.tv_nsec) / 1e6;
}

/// Milliseconds for 10,000 records, by a filler with this pool; the median of many turns.
double filling_ms(const BenchContext& context, std::size_t pool, double* record_bytes) {
  const TweetGenerator generator(TweetSettings{.pool = pool, .numbering = {kRecords, 64}});
  const MixBook mixes(usual_mix());
  TweetFiller filler({.run = 1}, generator, mixes);
  ByteVec slot(4 << 20);
  std::vector<double> times;
  std::uint64_t batch = 0;
  for (const Nanos end = context.clock.now() + context.duration / 4;
       times.size() < 4 || context.clock.now() < end; ++batch) {
    const double begun = cpu_ms();
    const Filled filled = filler.fill(
        {.batch = batch, .mix_batch = batch, .count = kRecords, .timestamp_ms = kNowMs}, slot);
    times.push_back(cpu_ms() - begun);
    check(filled.records == kRecords, "the slot holds them all");
    *record_bytes = static_cast<double>(filled.bytes) / kRecords;
  }
  times.erase(times.begin());  // the first meets cold caches
  return median_of(times);
}

/// The same by the plainest way: a record's fields, then Avro into a buffer that grows.
double avro_ms(const BenchContext& context) {
  const TweetGenerator generator(TweetSettings{.pool = 0, .numbering = {kRecords, 64}});
  const Mix mix = usual_mix();
  std::vector<double> times;
  ByteVec out;
  for (const Nanos end = context.clock.now() + context.duration / 4;
       times.size() < 2 || context.clock.now() < end;) {
    out.clear();
    const double begun = cpu_ms();
    for (std::uint64_t i = 0; i < kRecords; ++i) {
      const Tweet tweet = generator.tweet(1, i, kNowMs, mix, 0);
      append_avro(out, {.tweet_id = tweet.tweet_id,
                        .timestamp = tweet.timestamp,
                        .text = tweet.text,
                        .brand = tweet.brand,
                        .sentiment = tweet.sentiment});
    }
    times.push_back(cpu_ms() - begun);
  }
  return median_of(times);
}

/// Milliseconds to send 10,000 records to a peer that acknowledges and discards.
Result<double> sending_ms(const BenchContext& context) {
  auto peer = DiscardPeer::start(4);
  if (!peer) return std::move(peer).error();
  const TweetGenerator generator(TweetSettings{.numbering = {kRecords, 64}});
  const MixBook mixes(usual_mix());
  TweetFiller filler({.run = 1}, generator, mixes);
  ByteVec batch(4 << 20);
  batch.resize(filler.fill({.count = kRecords, .timestamp_ms = kNowMs}, batch).bytes);
  auto sent = resend({.brokers = {(*peer)->address()},
                      .topic = "bench",
                      .connections = 1,
                      .in_flight = 1,
                      .duration = context.duration / 4},
                     batch, context.clock, context.log);
  if (!sent) return std::move(sent).error();
  if ((*peer)->batches() != sent->batches)
    return Error{.message = fmt::format("{} batches were acknowledged, but the peer counted {}",
                                        sent->batches, (*peer)->batches())};
  return sent->seconds * 1000 / static_cast<double>(std::max<std::uint64_t>(1, sent->batches));
}

}  // namespace

Rows bench_serialise(const BenchContext& context) {
  std::vector<double> plain, afresh, pooled, sending;
  double record_bytes = 0;
  for (int run = 0; run < context.runs; ++run) {
    plain.push_back(avro_ms(context));
    afresh.push_back(filling_ms(context, 0, &record_bytes));
    pooled.push_back(filling_ms(context, 1024, &record_bytes));
    const auto sent = sending_ms(context);
    if (!sent) return sent.error();
    sending.push_back(*sent);
  }
  const auto conditions = [&](std::string more) {
    return Conditions{.record_bytes = record_bytes,
                      .acks = "1",
                      .codec = "none",
                      .engine = "direct",
                      .more = std::move(more)};
  };
  return std::vector<BenchRow>{
      row_of("10 K records, field by field", "ms", plain,
             conditions("text made, record built, then Avro; one thread, its processor time")),
      row_of("10 K records, before pre-serialising", "ms", afresh,
             conditions("`--pool 0`: each text and its Avro afresh, in the record batch, CRC "
                        "included; one thread, its processor time")),
      row_of("10 K records, pre-serialised", "ms", pooled,
             conditions("the default pool: ids and times patched, CRC included; one thread, its "
                        "processor time")),
      row_of("before / after", "ratio", ratios(afresh, pooled),
             conditions("of the two rows above")),
      row_of("10 K records, sending", "ms", sending,
             conditions("one request of 10 K records and its answer over loopback, by the clock"))};
}

}  // namespace ds
