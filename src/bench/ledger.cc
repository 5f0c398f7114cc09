// What being accountable costs: the storm's sums for its claims, by turns with and without; the
// checker's work on a record; and a billion records, as their producer claims them and as a checker
// holds their numbers: memory and time.
#include <malloc.h>
#include <time.h>

#include <algorithm>
#include <utility>

#include "base/random.h"
#include "bench/discard_peer.h"
#include "bench/storm_rig.h"
#include "bench/suite.h"
#include "ledger/producer_ledger.h"
#include "ledger/stage_check.h"
#include "ledger/verify.h"
#include "storm/tweet_filler.h"

namespace ds {
namespace {

constexpr std::size_t kSlotBytes = 1'048'576;
constexpr std::uint32_t kBatch = 8000;
constexpr std::uint32_t kStreams = 64;
constexpr std::int64_t kNowMs = 1'763'700'000'000;
constexpr int kTurn = 64;  // batches

/// Of this thread alone, whoever else is busy.
Nanos cpu_now() {
  timespec spent{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
  return spent.tv_sec * kSecond + spent.tv_nsec;
}

double median(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

/// Nanoseconds a record, median batch, of a filler that claims and of one that does not.
std::pair<double, double> filling(const BenchContext& context, const TweetGenerator& generator,
                                  const MixBook& mixes) {
  TweetFiller with({.run = 1}, generator, mixes);
  TweetFiller without({.run = 1, .claims = false}, generator, mixes);
  std::vector<ByteVec> slots(4, ByteVec(kSlotBytes));
  std::vector<double> took_with, took_without;
  std::uint64_t batch = 0;
  const auto turn = [&](TweetFiller& filler, std::vector<double>& took) {
    Nanos begun = context.clock.now();
    for (int i = 0; i < kTurn; ++i, ++batch) {
      filler.fill({.batch = batch, .mix_batch = batch, .count = kBatch, .timestamp_ms = kNowMs},
                  slots[batch % slots.size()]);
      const Nanos done = context.clock.now();
      took.push_back(static_cast<double>(done - begun) / kBatch);
      begun = done;
    }
  };
  for (const Nanos end = context.clock.now() + context.duration; context.clock.now() < end;) {
    turn(with, took_with);
    turn(without, took_without);
  }
  return {median(took_with), median(took_without)};
}

/// Nanoseconds a record that the storm's thread takes to send to a peer that discards.
Result<double> storming(const BenchContext& context) {
  auto peer = DiscardPeer::start(32);
  if (!peer) return std::move(peer).error();
  auto rig =
      StormRig::start({.brokers = {(*peer)->address()}, .duration = context.duration, .threads = 1},
                      context.clock, context.log);
  if (!rig) return std::move(rig).error();
  const Account account = (*rig)->finish();
  return static_cast<double>(account.last_delivery - account.first_intended) /
         static_cast<double>(std::max<std::uint64_t>(1, account.acknowledged));
}

/// A topic in memory: one generator batch of each stream, again and again as later ones.
class MadeStage final : public StageReader {
 public:
  MadeStage(const TweetGenerator& generator, const MixBook& mixes, std::uint64_t batches)
      : generator_(generator), mixes_(mixes), batches_(batches) {}

  std::string stage() const override { return "made"; }
  Status read(StageVisitor& visitor) override {
    TweetFiller filler({.run = 1, .claims = false}, generator_, mixes_);
    ByteVec scratch, slot(kSlotBytes);
    TweetDecoder decoder;
    for (std::uint64_t b = 0; b < batches_; ++b) {
      const Filled filled =
          filler.fill({.batch = b, .mix_batch = b, .count = kBatch, .timestamp_ms = kNowMs}, slot);
      kafka::Fetched fetched;
      fetched.bytes = ByteView(slot).first(filled.bytes);
      visit_records(fetched, scratch, decoder, visitor);
    }
    return Done{};
  }

 private:
  const TweetGenerator& generator_;
  const MixBook& mixes_;
  const std::uint64_t batches_;
};

/// What the producer of those batches claims.
ClaimedRun claim_of(const TweetGenerator& generator, const MixBook& mixes, std::uint64_t batches) {
  ClaimedRun claimed;
  claimed.run.run = 1;
  claimed.kinds = kind_names({generator.settings().brands[0].name});
  claimed.kinds.pop_back();  // as they are read from claims: every record has a name
  TweetFiller filler({.run = 1}, generator, mixes);
  ByteVec slot(kSlotBytes);
  for (std::uint64_t b = 0; b < batches; ++b) {
    const Filled filled =
        filler.fill({.batch = b, .mix_batch = b, .count = kBatch, .timestamp_ms = kNowMs}, slot);
    const auto stream = static_cast<std::uint32_t>(b % kStreams);
    const Interval range{b / kStreams * kBatch, b / kStreams * kBatch + kBatch};
    StreamClaim& of_stream = claimed.streams[stream];
    of_stream.run = 1;
    of_stream.stream = stream;
    of_stream.partition = 0;
    of_stream.acknowledged.add(range);
    WindowClaim& window = claimed.windows[{stream, kWindowSeconds, kNowMs / 1000, 0}];
    window.stream = stream;
    window.window = kNowMs / 1000;
    add_range(window.delivered, range);
    for (std::uint16_t k = 0; k < filled.kinds.size(); ++k)
      add_total(window.kinds, k, filled.kinds[k]);
  }
  return claimed;
}

struct Memory {
  double mb = 0, ns = 0;
};
/// So many sequence numbers, every thousandth missing.
Memory holding(std::uint64_t records) {
  constexpr std::uint64_t kMissing = 1000;
  const std::uint64_t each = records / kStreams;
  const std::size_t before = mallinfo2().uordblks;
  Holdings held;
  const Nanos begun = cpu_now();
  for (std::uint32_t stream = 0; stream < kStreams; ++stream)
    for (std::uint64_t i = 0; i < each; ++i)
      if (i % kMissing != kMissing / 2) held.add({1, stream, i});
  const Nanos took = cpu_now() - begun;
  return {static_cast<double>(mallinfo2().uordblks - before) / 1e6,
          static_cast<double>(took) / static_cast<double>(records)};
}

/// So many records claimed: acknowledged batch by batch at a million a second, each second's claims
/// made ready to be published, every thousandth batch failed. Their sums are worked out elsewhere
/// (filling()).
Memory claiming(const TweetGenerator& generator, const MixBook& mixes, std::uint64_t records) {
  constexpr std::uint64_t kRate = 1'000'000, kFailed = 1000;
  ByteVec slot(kSlotBytes);
  TweetFiller filler({.run = 1}, generator, mixes);
  const Filled filled = filler.fill({.count = kBatch, .timestamp_ms = kNowMs}, slot);
  SentPiece piece;
  for (std::uint16_t k = 0; k < filled.kinds.size(); ++k)
    if (filled.kinds[k].count > 0) piece.kinds.push_back({k, filled.kinds[k]});
  RunClaim run;
  run.run = 1;
  run.brands = {{generator.settings().brands[0].name, 1}};
  const std::size_t before = mallinfo2().uordblks;
  ProducerLedger ledger;
  const Nanos begun = cpu_now();
  std::int64_t second = 0;
  for (std::uint64_t batch = 0; batch < records / kBatch; ++batch) {
    piece.stream = static_cast<std::uint32_t>(batch % kStreams);
    const std::uint64_t first = batch / kStreams * kBatch;
    piece.range = {first, first + kBatch};
    piece.window = kNowMs / 1000 + static_cast<std::int64_t>(batch * kBatch / kRate);
    if (batch % kFailed == kFailed / 2)
      ledger.failed(piece);
    else
      ledger.acknowledged(piece);
    if (std::exchange(second, piece.window) != piece.window)
      to_records(run, ledger.take_changed(second));
  }
  const Nanos took = cpu_now() - begun;
  return {static_cast<double>(mallinfo2().uordblks - before) / 1e6,
          static_cast<double>(took) / static_cast<double>(records)};
}

}  // namespace

Rows bench_ledger(const BenchContext& context) {
  const TweetGenerator generator(TweetSettings{});
  const MixBook mixes(usual_mix());
  const std::uint64_t many =
      context.duration < kSecond / 2 ? context.scaled(1'000'000'000) : 1'000'000'000;
  std::vector<double> sums, share_made, share_sent, share_all, checked;
  const Memory claims = claiming(generator, mixes, many);
  for (int run = 0; run < context.runs; ++run) {
    const auto [with, without] = filling(context, generator, mixes);
    const auto sent = storming(context);
    if (!sent) return sent.error();
    sums.push_back(with - without);
    share_made.push_back((with - without) / with);
    share_sent.push_back((with - without) / *sent);
    share_all.push_back((with - without + claims.ns) / *sent);

    constexpr std::uint64_t kBatches = 256;
    ClaimBook none;
    const ClaimedRun claimed = claim_of(generator, mixes, kBatches);
    MadeStage stage(generator, mixes, kBatches);
    const Nanos begun = cpu_now();
    const auto verdict = verify_stage(stage, none, claimed);
    if (!verdict) return verdict.error();
    if (!verdict->good() || verdict->found != kBatches * kBatch)
      return Error{.message = fmt::format("of {} records {} were found, {} corrupted",
                                          kBatches * kBatch, verdict->found, verdict->corrupted)};
    checked.push_back(static_cast<double>(cpu_now() - begun) /
                      static_cast<double>(kBatches * kBatch));
  }
  const Memory memory = holding(many);
  const auto conditions = [](std::string more) {
    return Conditions{.acks = "1", .codec = "none", .engine = "direct", .more = std::move(more)}
        .to_string();
  };
  return std::vector<BenchRow>{
      row_of(
          "sums for the claims", "ns a record", sums,
          conditions("default tweets, batches of 8000, 4 slots of 1 MiB; median batch with, less "
                     "without")),
      row_of("sums / making a record", "ratio", share_made,
             conditions("the filler alone, its checksum too")),
      row_of("sums / sending a record", "ratio", share_sent,
             conditions("the storm's one thread into a peer that acknowledges and discards"))
          .with_goal("S9.3", false, 0.05),
      row_of(
          fmt::format("claims of {} M records", many / 1'000'000), "ns a record", {claims.ns},
          conditions("all of them: batches of 8000, 64 streams, a million a second, a batch in a "
                     "thousand failed; claims made ready each second; thread CPU time")),
      row_of("sums and claims / sending a record", "ratio", share_all,
             conditions("the storm's one thread as above"))
          .with_goal("S9.3", false, 0.05),
      row_of(fmt::format("memory of {} M records' claims", many / 1'000'000), "MB", {claims.mb},
             conditions("allocated bytes at the producer"))
          .with_goal("S9.3", false, 100),
      row_of("verify", "ns a record", checked,
             conditions("decoded, held and summed from record batches in memory; making them "
                        "included; thread CPU time")),
      row_of("holding a record's number", "ns a record", {memory.ns},
             conditions("in order, 64 streams")),
      row_of(fmt::format("memory of {} M records, {} K gaps", many / 1'000'000, many / 1'000'000),
             "MB", {memory.mb}, conditions("allocated bytes"))
          .with_goal("S9.3", false, 100)};
}

}  // namespace ds
