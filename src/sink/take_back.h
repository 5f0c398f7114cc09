// What a store has refused after it was sent: the batch is read once more for the records behind
// it, which become dead letters.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "ledger/read_tweets.h"

namespace ds {

/// A record, or a rollup: the tweets of a brand and sentiment in a range of offsets.
struct RefusedLine {
  bool rollup = false;
  std::string brand;
  Sentiment sentiment = {};
  std::int64_t first = 0;  // offsets as they were fetched
  std::int64_t last = 0;
  std::string why;
};

namespace detail {

template <typename Walk>
struct TakeBack {
  const kafka::TopicPartition& from;
  const std::vector<RefusedLine>& lines;
  Walk& walk;

  void tweet(const kafka::RecordView& record, const TweetView& tweet, Sentiment sentiment) {
    for (const RefusedLine& line : lines)
      if (record.offset >= line.first && record.offset <= line.last &&
          (!line.rollup || (tweet.brand == line.brand && sentiment == line.sentiment)))
        return walk.take_back(from, record, &tweet, sentiment, line.why);
  }
  void reading(const kafka::RecordView& record, const Reading&) {
    for (const RefusedLine& line : lines)
      if (record.offset == line.first && !line.rollup)
        return walk.take_back(from, record, nullptr, {}, line.why);
  }
  bool payload(const kafka::RecordView& record, const RecordId&, const std::optional<Reading>&) {
    if (!Walk::kTakesPayloads) return false;
    reading(record, {});
    return true;
  }
  void undecodable(const Undecodable&) {}
  void batch_done(const kafka::BatchHeader&) {}
};

}  // namespace detail

template <typename Walk>
void take_back(const kafka::Fetched& batch, const std::vector<RefusedLine>& lines, Walk& walk,
               ByteVec& scratch, TweetDecoder& decoder) {
  detail::TakeBack<Walk> visitor{batch.from, lines, walk};
  read_tweets(batch, scratch, decoder, visitor);
}

}  // namespace ds
