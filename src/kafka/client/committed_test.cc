#include "kafka/client/committed.h"

#include <gtest/gtest.h>

#include "kafka/wire/record_batch.h"

namespace ds::kafka {
namespace {

/// "7:ab 8:c 7! 8. -:d": producers' batches of one record a letter, their aborts (!) and commits
/// (.), and batches without a transaction (-). Offsets go on from 100.
ByteVec log_of(std::string_view text) {
  ByteVec log;
  std::int64_t offset = 100;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    const std::string_view word = text.substr(at, end - at);
    at = end + 1;
    const bool marker = word[1] != ':';
    RecordBatchBuilder builder({.producer_id = word[0] == '-' ? -1 : word[0] - '0',
                                .producer_epoch = 0,
                                .base_sequence = 0,
                                .transactional = word[0] != '-'});
    const ByteVec key{0, 0, 0, static_cast<std::uint8_t>(word[1] == '!' ? 0 : 1)};
    if (marker) builder.add({.key = ByteView(key), .value = ByteView(key)});
    for (const char& c : marker ? "" : word.substr(2))
      builder.add({.value = as_bytes(std::string_view(&c, 1))});
    ByteVec bytes = builder.build().value();
    if (marker) {
      BatchHeader header = BatchHeader::read(bytes).value();
      header.attributes |= 32;
      header.write(bytes.data());
      seal(bytes);
    }
    assign_base_offset(bytes, offset, 0);
    offset = BatchHeader::read(bytes)->next_offset();
    log.insert(log.end(), bytes.begin(), bytes.end());
  }
  return log;
}

/// What a reader sees: values, markers as '|', stretches in brackets.
std::string seen(ByteView log, std::vector<FetchResponse::AbortedTransaction> aborted) {
  std::string text;
  ByteVec scratch;
  for (const ByteView stretch : committed_stretches(log, aborted)) {
    text += '[';
    BatchCursor batches(stretch);
    while (const auto batch = batches.next()) {
      RecordReader records(*batch, scratch);
      while (const auto record = records.next())
        text += batch->header.control() ? "|" : as_text(*record->value);
    }
    text += ']';
  }
  return text;
}

TEST(Committed, HidesAbortedTransactionsAndNothingElse) {
  struct Case {
    const char* what;
    const char* log;
    std::vector<FetchResponse::AbortedTransaction> aborted;
    const char* seen;
  };
  const Case cases[] = {
      {"none aborted", "7:ab 7. -:c", {}, "[ab|c]"},
      {"one aborted", "7:ab 7! -:c", {{7, 100}}, "[|c]"},
      {"interleaved", "7:a 8:b 7:c 8. 7! 8:d 8.", {{7, 100}}, "[b][||d|]"},
      {"committed, then aborted, then committed", "7:a 7. 7:b 7! 7:c 7.", {{7, 102}}, "[a|][|c|]"},
      {"begun before this fetch", "7:b 7! 7:c 7.", {{7, 3}}, "[|c|]"},
      {"its marker is in the next fetch", "-:a 7:b 7:c", {{7, 101}}, "[a]"},
      {"all hidden", "7:b", {{7, 100}}, ""},
      {"named out of order", "7:a 7! 8:b 8! -:c", {{8, 102}, {7, 100}}, "[|][|c]"},
      {"twice the same producer", "7:a 7! 7:b 7! 7:c 7.", {{7, 100}, {7, 102}}, "[|][|c|]"},
      {"no transaction's records stay", "-:a 7:b -:c 7!", {{7, 101}}, "[a][c|]"},
  };
  for (const auto& [what, log, aborted, expected] : cases) {
    SCOPED_TRACE(what);
    EXPECT_EQ(seen(log_of(log), aborted), expected);
  }
}

}  // namespace
}  // namespace ds::kafka
