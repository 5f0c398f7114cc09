// Records that no store will ever take: where they go instead, so that the flow goes on and nothing
// is lost. `<topic>.dlq` is the place; its records keep key, value and headers of what was refused
// and gain the headers below.
//
//   LetterTray tray(dead_letters);
//   tray.add(from, undecodable, attempts);     // while the batches are read
//   if (auto sent = tray.send(); !sent) …      // before the offset moves; kTimeout: it may pass
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "kafka/client/source.h"
#include "kafka/wire/record_batch.h"

namespace ds {

struct Undecodable;

inline constexpr std::string_view kDeadLetterSuffix = ".dlq";
inline constexpr std::string_view kLetterTopic = "topic";
inline constexpr std::string_view kLetterPartition = "partition";
inline constexpr std::string_view kLetterOffset = "offset";
inline constexpr std::string_view kLetterLastOffset = "last_offset";  // of a damaged batch
inline constexpr std::string_view kLetterTimestamp = "timestamp";  // the record's; its own is new
inline constexpr std::string_view kLetterError = "error";
inline constexpr std::string_view kLetterAttempts = "attempts";
/// The value's whole length, where the topic took only its beginning.
inline constexpr std::string_view kLetterCut = "cut";

struct DeadLetter {
  kafka::TopicPartition from;
  std::int64_t offset = 0;
  std::int64_t last_offset = 0;
  int attempts = 1;  // how often it has been refused, replays counted
  std::string error;
  std::int64_t timestamp = 0;  // 0: a damaged batch's is not known
  std::optional<ByteVec> key;
  std::optional<ByteVec> value;
  std::vector<std::pair<std::string, std::optional<ByteVec>>> headers;  // the record's own
};

class DeadLetters {
 public:
  virtual ~DeadLetters() = default;
  /// When this returns well the letters are confirmed by all replicas. kTimeout: it may pass.
  /// Threads: any.
  virtual Status put(std::span<const DeadLetter> letters) = 0;
};

/// Where a record was first: its own place, or in a replay the one its headers name.
struct Origin {
  kafka::TopicPartition from;
  std::int64_t offset = 0;
  int attempts = 0;  // refusals before this
  auto operator<=>(const Origin&) const = default;
};
/// Nothing when the headers are no dead letter's.
std::optional<Origin> origin_of(const kafka::RecordView& letter);

/// The record that became this letter, with the time that it had.
kafka::RecordView before_letter(kafka::RecordView letter);

/// Which letters a replay has seen. One that has failed again is another: its attempts differ.
class SeenLetters {
 public:
  bool contains(const Origin& origin) const { return origins_.contains(origin); }
  void add(const Origin& origin) { origins_.insert(origin); }
  void add(SeenLetters&& others) { origins_.merge(others.origins_); }

 private:
  std::set<Origin> origins_;
};

/// The letters of one store(), gathered while its records pass.
/// Threads: one. Lifetime: copies what it is given; borrows the DeadLetters (null: counted only).
class LetterTray {
 public:
  explicit LetterTray(DeadLetters* to) : to_(to) {}

  /// A record that is there to be read; its own headers stay, a former letter's are replaced.
  void add(const Origin& origin, const kafka::RecordView& record, std::string_view why);
  /// What read_tweets() could not read.
  void add(const Origin& origin, const Undecodable& what);
  bool empty() const { return letters_.empty(); }
  std::span<const DeadLetter> letters() const { return letters_; }
  /// Puts and forgets them.
  Status send();
  void drop() { letters_.clear(); }

 private:
  DeadLetters* to_;
  std::vector<DeadLetter> letters_;
};

}  // namespace ds
