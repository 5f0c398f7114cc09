// InfluxDB's line protocol, by hand:
//
//   tweets,brand=Super\ Coffee,partition=tweets/3,sentiment=positive text="…",id="…",count=1i 17…
//
// Tags are escaped once for each series and kept. A point's time is its millisecond and the last
// six digits of its offset, in nanoseconds: records of one series and millisecond get times of
// their own, and a replay writes the same points.
#pragma once

#include <array>
#include <charconv>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kafka/client/source.h"
#include "record/mix.h"
#include "record/reading.h"
#include "record/tweet.h"
#include "sink/tally.h"

namespace ds {

/// A tag's text: comma, equals sign and space get a backslash. A backslash stands for itself, and
/// none may stand at the end (the rules of record_walk.h see to that).
std::string escape_tag(std::string_view text);

/// Whether a record would take another's point: of one partition and millisecond, their offsets a
/// multiple of a million apart. Of each of the last kRemembered milliseconds that it saw it
/// remembers where its records lie, in a few runs of offsets: one for each stream that fell behind
/// or ran ahead of the others. What would fall into another run's points is kTaken, be it into a
/// point that is free. Threads: one. Cost: a look into an array.
class PointTimes {
 public:
  static constexpr std::int64_t kPerMillisecond = 1'000'000;
  static constexpr std::size_t kRemembered = 1024;
  static constexpr std::size_t kRuns = 4;
  /// Nearer than that to a run, a record makes it longer: a stream's records of one millisecond may
  /// stand in several batches, between those of others.
  static constexpr std::int64_t kNear = 50'000;

  enum class Verdict { kUnique, kNotShown, kTaken };
  Verdict look(std::int64_t ms, std::int64_t offset) {
    Moment& moment = moments_[static_cast<std::uint64_t>(ms) % kRemembered];
    if (moment.ms != ms) {
      if (moment.ms > ms) return Verdict::kNotShown;
      moment = {.ms = ms, .runs = {{offset, offset}}};
      return Verdict::kUnique;
    }
    Run& newest = moment.runs[0];
    if (moment.used == 1 && offset >= newest.first && offset - newest.first < kPerMillisecond &&
        offset - newest.last < kNear) [[likely]] {
      newest.last = std::max(newest.last, offset);
      return Verdict::kUnique;
    }
    return look_among(moment, offset);
  }

  static std::int64_t time_of(std::int64_t ms, std::int64_t offset) {
    return ms * kPerMillisecond + offset % kPerMillisecond;
  }

 private:
  struct Run {
    std::int64_t first = 0, last = 0;
  };
  struct Moment {
    std::int64_t ms = INT64_MIN;
    std::size_t used = 1;
    std::array<Run, kRuns> runs;
  };
  static Verdict look_among(Moment& moment, std::int64_t offset);

  std::array<Moment, kRemembered> moments_;
};

/// Writes lines into a body. Threads: one.
/// Cost: no allocation a line once the series is known and the body has grown.
class LineWriter {
 public:
  explicit LineWriter(bool source_tag) : source_tag_(source_tag) {}

  void tweet(std::string& body, const kafka::TopicPartition& from, std::int64_t time,
             const TweetView& tweet, Sentiment sentiment);
  void reading(std::string& body, const kafka::TopicPartition& from, std::int64_t offset,
               std::int64_t timestamp_kafka, std::int64_t time, const Reading& reading);
  void rollup(std::string& body, const kafka::TopicPartition& from, std::int64_t time,
              std::string_view brand, Sentiment sentiment, std::uint64_t count,
              std::int64_t first_offset, std::int64_t last_offset);

 private:
  using Prefixes = std::vector<std::array<std::string, kSentiments>>;  // by brand
  const std::string& series(const kafka::TopicPartition& from, std::string_view brand,
                            Sentiment sentiment);

  const bool source_tag_;
  BrandIndex brands_;
  std::map<kafka::TopicPartition, Prefixes> prefixes_;
  kafka::TopicPartition at_;
  Prefixes* here_ = nullptr;
};

}  // namespace ds
