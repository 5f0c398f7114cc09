// Reading a stage back, whichever it is: a topic, a store. One reader for each kind (in sink/,
// beside the sink that wrote it), one visitor that holds what it hears against the claims.
//
//   class InfluxReader final : public StageReader { … };
//   auto verdict = verify_stage(reader, claimed);
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/interval_set.h"
#include "base/result.h"
#include "ledger/claim.h"
#include "record/identity.h"
#include "record/reading.h"
#include "record/tweet.h"

namespace ds {

/// What a stage's reader tells. Views are good for the call.
class StageVisitor {
 public:
  virtual ~StageVisitor() = default;
  /// The records that follow lie in this partition. A reader that knows tells it before the first
  /// and at each change; order within partitions can be checked then.
  virtual void partition(std::int32_t /*number*/) {}
  /// A record with all its fields.
  virtual void tweet(const TweetView& tweet) = 0;
  /// A record of another payload; content_hash() of its bytes.
  virtual void payload(const RecordId& id, std::uint64_t content, std::int64_t timestamp_ms) = 0;
  /// Records of which the stage has nothing but who they are: trimmed, or rolled up.
  virtual void identities(std::uint64_t run, std::uint32_t stream, Interval range) = 0;
  /// A rollup's row: `count` records of a kind whose times lie in the second that begins at
  /// `window_s`. Whose run they are it cannot say.
  virtual void rollup(std::int64_t window_s, std::string_view brand, std::string_view sentiment,
                      std::uint64_t count) = 0;
  /// A sensor's reading. Which run it belongs to only the claims tell.
  virtual void reading(const Reading& reading) { static_cast<void>(reading); }
  /// Records that are nobody's, as far as can be told.
  virtual void foreign(std::uint64_t records) = 0;
};

/// Threads: one. Memory: bounded, whatever the stage holds.
class StageReader {
 public:
  virtual ~StageReader() = default;
  /// "topic tweets", "sqlite tweets.db": what findings name.
  virtual std::string stage() const = 0;
  /// All that the stage holds, in its own order (see keeps_order()). Asked a second time when
  /// something is wrong, to name the records.
  virtual Status read(StageVisitor& visitor) = 0;
  /// Whether records of one partition come in the order in which the stage got them.
  virtual bool keeps_order() const { return true; }
  /// Whether records without a value come among the others, where the stage got them.
  virtual bool keeps_tombstones_in_place() const { return true; }
  /// Whether equal records are kept apart: a store that writes by identity cannot show doubles.
  virtual bool keeps_doubles() const { return true; }
  /// Whether it knows who its records are; asked after read(). A store that was given nothing but
  /// rollups knows how many they are of a second, brand and sentiment.
  virtual bool names_records() const { return true; }
  /// Further things that it cannot show, in words; asked after read().
  virtual std::vector<std::string> not_shown() const { return {}; }
};

}  // namespace ds
