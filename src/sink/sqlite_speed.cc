#include "sink/sqlite_speed.h"

#include <algorithm>
#include <limits>

#include "kafka/wire/record_batch.h"
#include "ledger/read_tweets.h"
#include "record/tweet.h"
#include "sink/sqlite_reader.h"
#include "sink/sqlite_sink.h"
#include "sink/sqlite_store.h"

namespace ds {
namespace {

constexpr std::uint64_t kBatchRecords = 8000;
constexpr std::int32_t kPartitions = 32;
constexpr std::size_t kBatchesPerTransaction = 10;

/// Record batches as a source would hand them out.
Result<std::vector<kafka::Fetched>> make_batches(std::uint64_t rows, std::int64_t wall_ms) {
  const TweetPool pool({{"SuperCoffee", 1}}, 1024, 1);
  std::vector<kafka::Fetched> batches;
  for (std::uint64_t b = 0; b * kBatchRecords < rows; ++b) {
    const auto partition = static_cast<std::int32_t>(b % kPartitions);
    const std::uint64_t first = b / kPartitions * kBatchRecords;
    kafka::RecordBatchBuilder builder({});
    for (std::uint64_t i = 0; i < kBatchRecords; ++i) {
      const auto sentiment = static_cast<Sentiment>(i % kSentiments);
      const TweetPool::Variant& variant = pool.of(sentiment)[(b + i) % pool.variants()];
      const std::string id = to_tweet_id({1, static_cast<std::uint32_t>(partition), first + i});
      ByteVec value;
      append_avro(value, {.tweet_id = id,
                          .timestamp = wall_ms,
                          .text = variant.text,
                          .brand = pool.brands()[variant.brand].name,
                          .sentiment = kSentimentNames[i % kSentiments]});
      builder.add({.timestamp = wall_ms, .value = value});
    }
    auto batch = builder.build();
    if (!batch) return std::move(batch).error();
    const auto offset = static_cast<std::int64_t>(first);
    kafka::assign_base_offset(*batch, offset, 0);
    auto owner = std::make_shared<const ByteVec>(std::move(batch).value());
    batches.push_back({.from = {"tweets", partition},
                       .first_offset = offset,
                       .high_watermark = std::numeric_limits<std::int64_t>::max(),
                       .bytes = *owner,
                       .owner = owner});
  }
  return batches;
}

struct Row {
  std::int64_t offset;
  TweetView tweet;
};
struct Decoding {
  std::vector<Row>& rows;
  void tweet(const kafka::RecordView& record, const TweetView& tweet, Sentiment) {
    rows.push_back({record.offset, tweet});
  }
  void undecodable(const Undecodable&) {}
  void batch_done(const kafka::BatchHeader&) {}
};

double rate(std::uint64_t rows, Nanos taken) {
  return static_cast<double>(rows) / (static_cast<double>(std::max<Nanos>(taken, 1)) / kSecond);
}

/// The reference: the same rows, decoded beforehand, into the same table of a fresh file.
Result<double> bare_loop(const std::string& path, const std::vector<kafka::Fetched>& batches,
                         const Clock& clock) {
  std::vector<std::vector<Row>> decoded(batches.size());
  ByteVec scratch;
  for (std::size_t b = 0; b < batches.size(); ++b)
    read_tweets(batches[b], scratch, Decoding{decoded[b]});
  auto db = open_store(path);
  if (!db) return std::move(db).error();
  if (auto set = db->exec("pragma synchronous=normal"); !set) return std::move(set).error();
  auto rows = TweetRows::make(*db);
  if (!rows) return std::move(rows).error();
  const Nanos begun = clock.now();
  std::uint64_t count = 0;
  for (std::size_t b = 0; b < batches.size();) {
    auto transaction = sqlite::Transaction::begin(*db);
    if (!transaction) return std::move(transaction).error();
    for (const std::size_t end = std::min(batches.size(), b + kBatchesPerTransaction); b < end;
         ++b) {
      if (!rows->begin(batches[b].from)) return db->error();
      for (const Row& row : decoded[b])
        if (!rows->add(row.offset, row.tweet)) return db->error();
      count += decoded[b].size();
    }
    if (!rows->flush()) return db->error();
    if (auto committed = transaction->commit(); !committed) return std::move(committed).error();
  }
  return rate(count, clock.now() - begun);
}

Result<double> through_sink(const std::string& path, StoreAs as,
                            const std::vector<kafka::Fetched>& batches, const Clock& clock,
                            Log& log) {
  auto sink = SqliteSink::open(path, {.store = as}, clock, log);
  if (!sink) return std::move(sink).error();
  if (auto offsets = (*sink)->next_offsets({"bench"}); !offsets) return std::move(offsets).error();
  const Nanos begun = clock.now();
  std::uint64_t count = 0;
  const std::span<const kafka::Fetched> all(batches);
  for (std::size_t b = 0; b < all.size(); b += kBatchesPerTransaction) {
    const auto stored =
        (*sink)->store(all.subspan(b, std::min(kBatchesPerTransaction, all.size() - b)));
    if (!stored) return stored.error();
    count += stored->stored;
  }
  return rate(count, clock.now() - begun);
}

}  // namespace

Result<SqliteBench> bench_sqlite(const std::string& folder, std::uint64_t rows, const Clock& clock,
                                 Log& log) {
  SqliteBench result;
  const auto batches = make_batches(rows, clock.wall_ms());
  if (!batches) return batches.error();
  result.rows = batches->size() * kBatchRecords;
  std::size_t bytes = 0;
  for (const kafka::Fetched& batch : *batches) bytes += batch.bytes.size();
  result.row_bytes = static_cast<double>(bytes) / static_cast<double>(result.rows);

  const auto bare = bare_loop(folder + "/bare.db", *batches, clock);
  if (!bare) return bare.error();
  result.bare_rows_s = *bare;
  const auto raw = through_sink(folder + "/raw.db", StoreAs::kRaw, *batches, clock, log);
  if (!raw) return raw.error();
  result.sink_rows_s = *raw;
  const auto rollup = through_sink(folder + "/rollup.db", StoreAs::kRollup, *batches, clock, log);
  if (!rollup) return rollup.error();
  result.rollup_rows_s = *rollup;

  auto reader = SqliteReader::open(folder + "/raw.db");
  if (!reader) return std::move(reader).error();
  const Nanos begun = clock.now();
  const auto held = hold_stage(*reader);
  if (!held) return held.error();
  result.read_rows_s = rate(result.rows, clock.now() - begun);
  return result;
}

}  // namespace ds
