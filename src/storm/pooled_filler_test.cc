#include "storm/pooled_filler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/random.h"
#include "kafka/wire/record_batch.h"
#include "record/identity.h"
#include "record/payload/text_template.h"

namespace ds {
namespace {

constexpr std::int64_t kNow = 1'763'700'000'000;

std::shared_ptr<const ImagePool> pool_of(std::string_view name, std::size_t variants = 50) {
  auto payload = open_payload(name, {.seed = 3});
  check(payload.ok(), "a payload");
  return make_pool(std::move(payload).value(), {}, variants);
}
std::shared_ptr<const ImagePool> template_pool(std::string_view text, std::size_t variants) {
  auto payload = parse_template(text, "t", 3, Encoding::kAsIs);
  check(payload.ok(), "a template");
  return make_pool(std::move(payload).value(), {}, variants);
}

/// Its 50th look and so on goes back by some milliseconds, as wall clocks do.
class TickingClock final : public Clock {
 public:
  Nanos now() const override { return 0; }
  std::int64_t wall_ms() const override {
    ++looks_;
    return kNow + (looks_ % 50 == 0 ? -3 : looks_);
  }

 private:
  mutable std::int64_t looks_ = 0;
};

std::vector<std::int64_t> kafka_times(ByteView bytes, std::int64_t& max) {
  ByteVec scratch;
  kafka::BatchCursor batches(bytes);
  const auto batch = batches.next();
  check(batch && batch->header.verify(batch->bytes).ok(), "a sound batch");
  max = batch->header.max_timestamp;
  std::vector<std::int64_t> times;
  kafka::RecordReader records(*batch, scratch);
  while (const auto record = records.next()) times.push_back(record->timestamp);
  check(records.status().ok(), "sound records");
  return times;
}

/// A whole generator batch, whatever the pieces' size, and the sum of what the filler claims.
struct Made {
  std::vector<ByteVec> values;
  std::vector<RecordId> ids;
  KindSum claimed;
};
Made make(PooledFiller& filler, std::uint64_t batch, std::uint32_t count, std::size_t room) {
  Made made;
  ByteVec buffer(room), scratch;
  while (made.values.size() < count) {
    const auto first = static_cast<std::uint32_t>(made.values.size());
    const Filled filled = filler.fill(
        {.batch = batch, .first = first, .count = count - first, .timestamp_ms = kNow}, buffer);
    check(filled.records > 0, "some fit");
    made.claimed.add(filled.kinds.front());
    kafka::BatchCursor batches(ByteView(buffer).first(filled.bytes));
    const auto one = batches.next();
    check(one && one->header.verify(one->bytes).ok(), "a sound batch");
    kafka::RecordReader records(*one, scratch);
    while (const auto record = records.next()) {
      made.values.emplace_back(record->value->begin(), record->value->end());
      kafka::HeaderReader headers(*record);
      made.ids.push_back(*parse_binary_id(as_text(*headers.next()->value)));
    }
  }
  return made;
}

TEST(PooledFiller, ClaimsWhatEachRecordSaysInWhateverPiecesItIsMade) {
  constexpr std::string_view kText =
      R"({"n":{{sequence}},"s":{{stream}}/{{stream-sequence}},"at":"{{timestamp iso}}",)"
      R"("u":"{{uuid}}","w":"{{words 1 9}}","x":{{normal 20 5}}})";
  const std::pair<const char*, std::shared_ptr<const ImagePool>> cases[] = {
      {"no patches", template_pool("{{words 3 9}}", 64)},
      {"patches", template_pool(kText, 64)},
      {"drawn afresh", template_pool(kText, 0)},
      {"noise", pool_of("random:1000,30%")},
      {"a reading", pool_of("reading")},
      {"a drift", pool_of("reading:drift:1,0.5,0.1")}};
  for (const auto& [what, pool] : cases) {
    SCOPED_TRACE(what);
    const PooledFillerSettings settings{.run = 9, .seed = 3, .batch_size = 500, .streams = 7};
    PooledFiller one(settings, pool), two(settings, pool);
    const Made whole = make(one, 15, 500, 2 << 20), pieces = make(two, 15, 500, 20'000);
    EXPECT_EQ(whole.values, pieces.values);
    EXPECT_EQ(whole.claimed, pieces.claimed);
    KindSum sum;
    for (std::size_t i = 0; i < 500; ++i) {
      EXPECT_EQ(whole.ids[i], (RecordId{9, 1, 2 * 500 + i}));
      sum.add({1, record_hash(content_hash(whole.values[i]), time_hash(kNow), 2 * 500 + i)});
      // And each is what its number alone says.
      Image fresh;
      const RecordFacts facts{3, 15 * 500 + i, 1, 2 * 500 + i, kNow};
      ASSERT_EQ(as_text(made_of(pool->image(3, 15 * 500 + i, fresh), facts)),
                as_text(whole.values[i]));
    }
    EXPECT_EQ(sum, whole.claimed);
  }
}

TEST(PooledFiller, KeepsNoiseFromRepeatingItself) {
  PooledFiller filler({.run = 9, .seed = 3, .batch_size = 500, .streams = 7}, pool_of("random:64"));
  std::set<ByteVec> words;  // eight bytes each, of all records
  for (const ByteVec& value : make(filler, 15, 500, 2 << 20).values)
    for (std::size_t at = 0; at < 64; at += 8)
      words.insert(ByteVec(value.begin() + static_cast<std::ptrdiff_t>(at),
                           value.begin() + static_cast<std::ptrdiff_t>(at + 8)));
  EXPECT_EQ(words.size(), 500u * 8);
}

TEST(PooledFiller, GivesEachRecordItsOwnTimeWhenToldTo) {
  PooledFiller filler({.run = 9, .seed = 3, .batch_size = 500, .streams = 7},
                      pool_of("random:100,50%"));
  ByteVec buffer(200'000);
  const TickingClock clock;
  const Filled filled =
      filler.fill({.batch = 1, .count = 500, .timestamp_ms = kNow, .each = &clock}, buffer);
  ASSERT_EQ(filled.records, 500u);
  std::int64_t max = 0;
  const auto times = kafka_times(ByteView(buffer).first(filled.bytes), max);
  ASSERT_EQ(times.size(), 500u);
  for (std::int64_t j = 0; j < 500; ++j)
    ASSERT_EQ(times[static_cast<std::size_t>(j)], kNow + ((j + 1) % 50 == 0 ? -3 : j + 1));
  EXPECT_EQ(max, *std::ranges::max_element(times));
}

TEST(PooledFiller, CarriesItsIdentityInAHeader) {
  PooledFiller filler({.run = 9, .seed = 3, .batch_size = 500, .streams = 7},
                      pool_of("random:100,50%"));
  ByteVec buffer(20'000), scratch;
  std::set<std::string> seen;
  std::uint32_t first = 0;
  while (first < 500) {
    const Filled filled = filler.fill(
        {.batch = 15, .first = first, .count = 500 - first, .timestamp_ms = kNow}, buffer);
    ASSERT_GT(filled.records, 0u);
    kafka::BatchCursor batches(ByteView(buffer).first(filled.bytes));
    const auto batch = batches.next();
    ASSERT_TRUE(batch && batch->header.verify(batch->bytes).ok());
    kafka::RecordReader records(*batch, scratch);
    while (const auto record = records.next()) {
      EXPECT_EQ(record->value->size(), 100u);
      kafka::HeaderReader headers(*record);
      const auto header = headers.next();
      ASSERT_TRUE(header && header->key == "ds-id" && header->value);
      EXPECT_EQ(parse_binary_id(as_text(*header->value)), (RecordId{9, 1, 2 * 500 + first}));
      ++first;
    }
    ASSERT_TRUE(records.status().ok()) << records.status().error().message;
  }
}

}  // namespace
}  // namespace ds
