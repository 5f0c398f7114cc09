// Sinks that keep nothing.
#pragma once

#include <cstdio>

#include "record/tweet_decoder.h"
#include "sink/sink.h"

namespace ds {

/// Counts and checks: every checksum, every record's Avro.
class NoneSink final : public Sink {
 public:
  explicit NoneSink(TweetEncoding encoding = TweetEncoding::kAuto) : decoder_(encoding) {}
  Result<Offsets> next_offsets(const LogName&) override { return Offsets(); }
  Result<Stored> store(std::span<const kafka::Fetched> batches) override;
  std::string description() const override { return "none, decoded and counted"; }

 private:
  ByteVec scratch_;
  TweetDecoder decoder_;
};

/// A JSON object a line: topic, partition, offset and the tweet's fields. What is no tweet is
/// written too, as {"topic":…,"partition":…,"offset":…,"error":…}.
/// Lifetime: borrows the stream.
class StdoutSink final : public Sink {
 public:
  explicit StdoutSink(std::FILE* out = stdout, TweetEncoding encoding = TweetEncoding::kAuto)
      : out_(out), decoder_(encoding) {}
  Result<Offsets> next_offsets(const LogName&) override { return Offsets(); }
  /// Returns when the lines have been handed to the system.
  Result<Stored> store(std::span<const kafka::Fetched> batches) override;
  std::string description() const override { return "stdout, NDJSON"; }

 private:
  std::FILE* out_;
  std::string lines_;
  ByteVec scratch_;
  TweetDecoder decoder_;
};

}  // namespace ds
