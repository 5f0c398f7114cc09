#include "cli/dress_options.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/units.h"
#include "base/wrong_use.h"

namespace ds::cli {
namespace {

/// "5%" or "0.05".
double read_share(Reader& read, std::string_view name) {
  std::string text = read.text(name);
  const bool percent = text.ends_with('%');
  if (percent) text.pop_back();
  const auto value = parse_quantity(text);
  const double share = value ? *value / (percent ? 100 : 1) : 2;
  if (share <= 1) return share;
  read.wrong(name, wrong_use(fmt::format("'{}' is no share", read.text(name)), "5%, or 0.05"));
  return 0;
}

/// The five that a tweet has.
bool is_tweet_field(std::string_view name) {
  constexpr std::string_view kFields[] = {"tweetId", "timestamp", "text", "brand", "sentiment"};
  return std::ranges::find(kFields, name) != std::end(kFields);
}

void read_keys(Reader& read, StormOptions& options, Dress& dress) {
  dress.keys = read.take("keys", parse_keys(read.text("keys")));
  const std::uint64_t cardinality =
      read.count_within<std::uint64_t>("key-cardinality", 1, Keys::kCardinalityMax);
  dress.keys.cardinality = std::max<std::uint64_t>(1, cardinality);
  const bool tweets = !options.values;
  if (dress.keys.kind == Keys::Kind::kBrand && !tweets)
    read.wrong("keys", wrong_use("only tweets have a brand", "field:NAME of a JSON payload"));
  if (dress.keys.kind == Keys::Kind::kField && tweets && !is_tweet_field(dress.keys.field))
    read.wrong("keys", wrong_use(fmt::format("a tweet has no field '{}'", dress.keys.field),
                                 "tweetId, timestamp, text, brand or sentiment"));

  const bool keyed = dress.keys.kind != Keys::Kind::kNone;
  constexpr std::string_view kPlacings[] = {"stream", "key", "round-robin", "sticky"};
  dress.placing = keyed ? Placing::kKey : Placing::kStream;
  if (read.text("partitioner").empty()) return;
  const std::string name = read.choice("partitioner", kPlacings);
  const auto* const at = std::ranges::find(kPlacings, name);
  if (at != std::end(kPlacings)) dress.placing = static_cast<Placing>(at - std::begin(kPlacings));
  if (dress.placing == Placing::kKey && !keyed)
    read.wrong("partitioner", wrong_use("there are no keys to place records by", "--keys uniform"));
}

void read_transactions(Reader& read, StormOptions& options) {
  RunSettings& run = options.run;
  run.transaction_records = read.count("transaction-records");
  run.abort_rate = read_share(read, "abort-rate");
  if (run.transaction_records == 0) {
    if (run.abort_rate > 0)
      read.wrong("abort-rate", wrong_use("there are no transactions to abort",
                                         "--transaction-records N as well"));
    return;
  }
  if (options.engine != "librdkafka")
    read.wrong("engine", wrong_use("transactions go through librdkafka", "--engine librdkafka"));
  if (options.producer.acks != kafka::Acks::kAll)
    read.wrong("acks", wrong_use("transactions need the word of all replicas", "--acks all"));
  if (options.one_by_one)
    read.wrong("transaction-records",
               wrong_use("a record of a transaction has no answer before the transaction's end",
                         "leave out --one-by-one"));
  const std::uint64_t of = run.transaction_records;
  std::uint64_t& batch = run.claim.batch_size;
  if (read.count("batch-size") == 0) batch = (batch + of - 1) / of * of;  // to whole transactions
  if (batch % of != 0 || batch > 1'000'000)
    read.wrong("transaction-records",
               wrong_use(fmt::format("a generator batch of {} records is no whole number of "
                                     "transactions of {}",
                                     batch, of),
                         "--batch-size a multiple of it, at most 1000000"));
}

}  // namespace

bool wants_transactions(Reader& read) {
  return read.count("transaction-records") > 0;
}

void read_dress(Reader& read, StormOptions& options) {
  RunSettings& run = options.run;
  Dress& dress = run.dress;
  read_keys(read, options, dress);
  for (const std::string& text : read.list("header")) {
    auto header = parse_header(text);
    if (header)
      dress.headers.push_back(std::move(*header));
    else
      read.wrong("header", header.error());
  }
  dress.tombstones = read_share(read, "tombstones");
  if (dress.tombstones > 0 && run.timestamps_each)
    read.wrong("tombstones",
               wrong_use("records with times of their own cannot be taken out of what is "
                         "claimed again",
                         "--timestamps batch"));
  read_transactions(read, options);

  RunClaim& claim = run.claim;
  claim.placing = name_of(dress.placing);
  claim.tombstones = dress.tombstones;
  if (dress.keys.kind != Keys::Kind::kNone)
    claim.settings += fmt::format(", keys {} of {}", read.text("keys"), dress.keys.cardinality);
  if (run.transaction_records > 0)
    claim.settings +=
        fmt::format(", transactions of {}, {} aborted", run.transaction_records, run.abort_rate);
}

}  // namespace ds::cli
