// What people can say about stores; each sink reads its part.
#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"
#include "record/tweet_decoder.h"
#include "sink/sink.h"

namespace ds {

class DeadLetters;
class SeenLetters;

/// How much of `tweets` stays; 0: no limit. What is trimmed stays accounted for.
struct Keep {
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;  // of the whole file, without its free pages
  std::int64_t age_ms = 0;
  bool has_no_limit() const { return rows == 0 && bytes == 0 && age_ms == 0; }
};

struct SinkSettings {
  StoreAs store = StoreAs::kRaw;
  /// SQLite's: off, normal, full or extra. With normal a transaction survives the process at once
  /// and a power loss after the next checkpoint; nothing is ever half there.
  std::string synchronous = "normal";
  Keep keep;  // SQLite trims as it goes
  TweetEncoding decode = TweetEncoding::kAuto;
  /// How many threads decode and store at once, in sinks that can (SQLite has one writer).
  int workers = 1;
  /// next_offsets() leaves out what this sink has not stored yet, and what comes is stored again.
  bool reset_offsets = false;
  /// The batches are dead letters: records are stored at the places that their headers name, and
  /// repeats are suppressed by them.
  bool replay = false;
  const SeenLetters* seen_before = nullptr;  // by former replays
  DeadLetters* dead_letters = nullptr;       // null: counted, and gone

  std::string influx_url;   // where the sink's name has none
  std::string influx_org;   // 2.x
  std::string influx_user;  // 1.x; the token is its password
  std::string influx_token;
  std::string influx_bucket = "brandpulse";  // 1.x: the database
  bool influx_source_tag = false;            // source=kafkaConsumer, as the old system had it
  bool influx_gzip = false;
  int influx_connections = 4;
  std::size_t influx_points = 5000;  // in a request
  std::string mongo_url;             // where the sink's name has none
  Nanos request_timeout = 10 * kSecond;
};

}  // namespace ds
