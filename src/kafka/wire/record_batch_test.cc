#include "kafka/wire/record_batch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "base/random.h"
#include "kafka/wire/crc32c.h"

namespace ds::kafka {
namespace {

constexpr Compression kCodecs[] = {Compression::kNone, Compression::kGzip, Compression::kSnappy,
                                   Compression::kLz4, Compression::kZstd};

ByteVec three_records(Compression codec) {
  RecordBatchBuilder batch({.codec = codec});
  const RecordBatchBuilder::Header headers[] = {{"ds-id", as_bytes("x")}, {"null", std::nullopt}};
  batch.add(
      {.timestamp = 1000, .key = as_bytes("k"), .value = as_bytes("one"), .headers = headers});
  batch.add({.timestamp = 990, .value = as_bytes("")});
  batch.add({.timestamp = 1010, .key = as_bytes("gone")});
  return *batch.build();
}

/// Reads all records of the only batch; the reader's last word.
Status read_all(ByteView bytes, std::vector<std::string>& into) {
  BatchCursor batches(bytes);
  const auto batch = batches.next();
  if (!batch) return Error{.message = "no batch"};
  ByteVec scratch;
  RecordReader records(*batch, scratch, 1 << 20);
  while (const auto record = records.next()) {
    std::string text = fmt::format("{} {} {}={}", record->offset, record->timestamp,
                                   record->key ? as_text(*record->key) : "null",
                                   record->value ? as_text(*record->value) : "null");
    for (HeaderReader headers(*record); const auto header = headers.next();)
      text += fmt::format(" {}:{}", header->key, header->value ? as_text(*header->value) : "null");
    into.push_back(text);
  }
  return records.status();
}

TEST(RecordBatchBuilder, HasApacheKafkasBytes) {
  RecordBatchBuilder batch({});
  batch.add({.timestamp = 1'700'000'000'000, .value = as_bytes("abc")});
  batch.add({.timestamp = 1'700'000'000'001, .key = as_bytes("k")});
  EXPECT_EQ(to_hex(*batch.build()),
            "000000000000000000000043ffffffff028f64dfa70000000000010000018bcfe568000000018bcfe56801"
            "ffffffffffffffffffffffffffff00000002120000000106616263000e000202026b0100");
}

TEST(RecordReader, GivesBackWhatWasAddedInEveryCodec) {
  for (const Compression codec : kCodecs) {
    SCOPED_TRACE(std::string(name_of(codec)));
    ByteVec bytes = three_records(codec);
    assign_base_offset(bytes, 500, 3);
    const auto header = BatchHeader::read(bytes);
    ASSERT_TRUE(header.ok());
    EXPECT_TRUE(header->verify(bytes).ok()) << "offset and epoch lie outside the checksum";
    EXPECT_EQ(header->size(), bytes.size());
    EXPECT_EQ(header->codec(), codec);
    EXPECT_EQ(header->next_offset(), 503);
    EXPECT_EQ(header->leader_epoch, 3);
    EXPECT_EQ(header->max_timestamp, 1010);
    std::vector<std::string> records;
    EXPECT_TRUE(read_all(bytes, records).ok());
    EXPECT_EQ(records, (std::vector<std::string>{"500 1000 k=one ds-id:x null:null",
                                                 "501 990 null=", "502 1010 gone=null"}));
  }
}

TEST(RecordBatchBuilder, CarriesTheProducerFromBatchToBatch) {
  RecordBatchBuilder batch({.producer_id = 9, .producer_epoch = 2, .base_sequence = 0x7fffffff});
  batch.add({.timestamp = 1});
  batch.add({.timestamp = 1});
  auto header = *BatchHeader::read(*batch.build());
  EXPECT_EQ(header.producer_id, 9);
  EXPECT_EQ(header.producer_epoch, 2);
  EXPECT_EQ(header.base_sequence, 0x7fffffff);
  EXPECT_TRUE(batch.empty());
  batch.add({.timestamp = 5});
  header = *BatchHeader::read(*batch.build());
  EXPECT_EQ(header.base_sequence, 1) << "it wraps past 2^31 - 1";
  EXPECT_EQ(header.base_timestamp, 5);
}

TEST(BatchHeader, IsWrittenAsItIsRead) {
  const ByteVec bytes = three_records(Compression::kLz4);
  ByteVec again(kBatchHeaderBytes);
  BatchHeader::read(bytes)->write(again.data());
  EXPECT_EQ(again, ByteVec(bytes.begin(), bytes.begin() + kBatchHeaderBytes));
}

TEST(BatchHeader, FindsEveryFlippedBit) {
  const ByteVec sound = three_records(Compression::kNone);
  for (std::size_t at = 16; at < sound.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      ByteVec bytes = sound;
      bytes[at] ^= static_cast<std::uint8_t>(1 << bit);
      const auto header = BatchHeader::read(bytes);
      EXPECT_FALSE(header.ok() && header->verify(bytes).ok()) << at << " bit " << bit;
    }
  }
}

TEST(BatchHeader, RefusesWhatCannotBe) {
  struct Case {
    const char* what;
    std::size_t at;
    const char* bytes;
    const char* says;
  };
  const Case cases[] = {
      {"another format", 16, "01", "of format 1"},
      {"a length below the header's", 8, "00000030", "claims the length 48"},
      {"a negative length", 8, "ffffffff", "claims the length -1"},
      {"a length past the end", 8, "7fffffff", "are there"},
      {"an unknown codec", 21, "0007", "unknown codec 7"},
      {"a negative count", 57, "ffffffff", "of -1 records"},
      {"more records than places", 57, "00000009", "of 9 records"},
  };
  for (const auto& [what, at, patch, says] : cases) {
    SCOPED_TRACE(what);
    ByteVec bytes = three_records(Compression::kNone);
    std::ranges::copy(from_hex(patch), bytes.begin() + static_cast<std::ptrdiff_t>(at));
    seal(bytes);
    const auto header = BatchHeader::read(bytes);
    const std::string said =
        header ? header->verify(bytes).error().message : header.error().message;
    EXPECT_NE(said.find(says), std::string::npos) << said;
  }
}

TEST(RecordReader, RefusesMalformedRecords) {
  struct Case {
    const char* what;
    const char* records;
    std::int32_t count;
    const char* says;
  };
  // A record of one byte of value is: 0e 00 00 00 01 02 61 00.
  const Case cases[] = {
      {"sound", "0e 00 00 00 01 02 61 00", 1, ""},
      {"longer than the batch", "10 00 00 00 01 02 61 00", 1, "longer than what is left"},
      {"of negative length", "01", 1, "longer than what is left"},
      {"of a length without end", "ffffffffffffffffffff", 1, "longer than what is left"},
      {"empty", "00", 1, "no attributes"},
      {"a key longer than itself", "0e 00 00 00 7e 02 61 00", 1, "a key longer"},
      {"a value longer than itself", "0e 00 00 00 01 06 61 00", 1, "a value longer"},
      {"an impossible null", "0e 00 00 00 03 02 61 00", 1, "a key longer"},
      {"more headers than bytes", "0e 00 00 00 01 02 61 7e", 1, "more headers"},
      {"a header without a key", "12 00 00 00 01 02 61 02 01 01", 1, "malformed header"},
      {"bytes after its content", "10 00 00 00 01 02 61 00 00", 1, "longer than its content"},
      {"an offset past the batch's last", "0e 00 00 04 01 02 61 00", 1, "outside its batch"},
      {"an offset before the first", "0e 00 00 01 01 02 61 00", 1, "outside its batch"},
      {"fewer than counted", "0e 00 00 00 01 02 61 00", 2, "longer than what is left"},
      {"more than counted", "0e 00 00 00 01 02 61 00 00", 1, "bytes follow"},
  };
  for (const auto& [what, hex, count, says] : cases) {
    SCOPED_TRACE(what);
    const ByteVec records = from_hex(hex);
    ByteVec bytes(kBatchHeaderBytes);
    BatchHeader header;
    header.base_offset = 0;
    header.length = static_cast<std::int32_t>(kBatchHeaderBytes - kBatchLengthEnd + records.size());
    header.record_count = count;
    header.last_offset_delta = count - 1;
    header.write(bytes.data());
    bytes.insert(bytes.end(), records.begin(), records.end());
    seal(bytes);
    std::vector<std::string> read;
    const Status status = read_all(bytes, read);
    if (*says == '\0')
      EXPECT_TRUE(status.ok()) << status.error().message;
    else if (status.ok())
      ADD_FAILURE() << "was taken";
    else
      EXPECT_NE(status.error().message.find(says), std::string::npos) << status.error().message;
  }
}

TEST(BatchCursor, EndsWithoutErrorWhereAFetchWasCutShort) {
  const ByteVec batch = three_records(Compression::kNone);
  ByteVec two = batch;
  two.insert(two.end(), batch.begin(), batch.end());
  for (std::size_t size = 0; size <= two.size(); ++size) {
    BatchCursor batches(ByteView(two).first(size));
    std::size_t count = 0;
    while (batches.next()) ++count;
    EXPECT_TRUE(batches.status().ok());
    EXPECT_EQ(count, size / batch.size());
    EXPECT_EQ(batches.rest().size(), size % batch.size());
  }
}

TEST(BatchCursor, SaysWhenABatchIsMalformed) {
  ByteVec bytes = three_records(Compression::kNone);
  bytes[16] = 1;
  BatchCursor batches(bytes);
  EXPECT_FALSE(batches.next());
  EXPECT_FALSE(batches.status().ok());
}

}  // namespace
}  // namespace ds::kafka
