// MongoDB, and what speaks its wire protocol. A document's _id is "topic/partition/offset", so what
// is inserted twice lies there once, and a duplicate _id means "written already": exactly-once
// effect under write concern majority.
//
//   tweets, readings   {_id, topic, partition, offset, timestamp_kafka, timestamp_db, data,
//                       timestamp_producer, producer_id, sequence}; of a tweet `data` is the whole
//                       tweet, producer_id its stream and `run` its run
//   records            the same of any other payload, and of records without a value; `data` is the
//                       value and `key` the key: a string where it is UTF-8 (and has no NUL), else
//                       binary, or null
//   rollups            {_id: "topic/partition/first offset/brand/sentiment", …, count}, one a
//   record
//                       batch, brand and sentiment
//
// Times are milliseconds since 1970.
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/random.h"
#include "sink/record_walk.h"
#include "sink/sink.h"
#include "sink/sink_settings.h"

namespace ds {

/// Threads: one. Lifetime: borrows the clock.
class MongoSink final : public Sink {
 public:
  /// Asks the server for a ping. The URL is MongoDB's own, its path names the database
  /// ("brandpulse" where it names none).
  static Result<std::unique_ptr<MongoSink>> open(const std::string& url,
                                                 const SinkSettings& settings, const Clock& clock);
  ~MongoSink() override;

  Result<Offsets> next_offsets(const LogName&) override { return Offsets(); }
  void be_patient_with(Patience& patience) override;
  Result<Stored> store(std::span<const kafka::Fetched> batches) override;
  std::string description() const override;

 private:
  class Server;
  class Storing;

  MongoSink(std::unique_ptr<Server> server, const SinkSettings& settings, const Clock& clock);

  const SinkSettings settings_;
  const Clock& clock_;
  std::unique_ptr<Server> server_;
  SeenLetters seen_;
  ByteVec scratch_;
  TweetDecoder decoder_;
};

/// What MongoDB's answer to one document means for it.
enum class MongoVerdict { kWritten, kRetry, kRefused };
/// `on_id`: the duplicate key was the _id's own index.
MongoVerdict mongo_verdict(int code, bool on_id);

}  // namespace ds
