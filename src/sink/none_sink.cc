#include "sink/none_sink.h"

#include <cerrno>
#include <cstring>

#include "base/json_writer.h"
#include "base/utf8.h"
#include "ledger/read_tweets.h"
#include "sink/tally.h"

namespace ds {
namespace {

struct Counting {
  Tally tally = {};

  void tweet(const kafka::RecordView&, const TweetView& tweet, Sentiment sentiment) {
    tally.add(tweet.brand, sentiment, tweet.timestamp);
  }
  void reading(const kafka::RecordView&, const Reading& reading) {
    tally.add(reading.timestamp_producer);
  }
  bool payload(const kafka::RecordView& record, const RecordId&, const std::optional<Reading>&) {
    tally.add(record.timestamp);
    return true;
  }
  void undecodable(const Undecodable& what) { tally.dead_lettered(what.count()); }
  void batch_done(const kafka::BatchHeader&) {}
};

struct Line {
  const kafka::TopicPartition& from;
  std::int64_t offset;
  const TweetView& tweet;

  static void fields(auto& self, auto& io) {
    io("topic", self.from.topic);
    io("partition", self.from.partition);
    io("offset", self.offset);
    io("tweetId", self.tweet.tweet_id);
    io("timestamp", self.tweet.timestamp);
    io("text", self.tweet.text);
    io("brand", self.tweet.brand);
    io("sentiment", self.tweet.sentiment);
  }
};

struct ReadingLine {
  const kafka::TopicPartition& from;
  std::int64_t offset;
  const Reading& reading;

  static void fields(auto& self, auto& io) {
    io("topic", self.from.topic);
    io("partition", self.from.partition);
    io("offset", self.offset);
    Reading::fields(self.reading, io);
  }
};

struct PayloadLine {
  const kafka::TopicPartition& from;
  const kafka::RecordView& record;
  const RecordId& id;

  static void fields(auto& self, auto& io) {
    io("topic", self.from.topic);
    io("partition", self.from.partition);
    io("offset", self.record.offset);
    io("timestamp", self.record.timestamp);
    io("run", run_name(self.id.run));
    io("stream", self.id.stream);
    io("sequence", self.id.sequence);
    const auto put = [&](std::string_view name, const std::optional<ByteView>& bytes) {
      if (bytes && !is_utf8(as_text(*bytes)))
        return io(fmt::format("{}_hex", name), to_hex(*bytes));
      io(name, bytes ? std::optional(std::string(as_text(*bytes))) : std::nullopt);
    };
    put("key", self.record.key);
    put("value", self.record.value);
  }
};

struct ErrorLine {
  const kafka::TopicPartition& from;
  std::int64_t offset;
  std::int64_t last_offset;
  std::string_view error;

  static void fields(auto& self, auto& io) {
    io("topic", self.from.topic);
    io("partition", self.from.partition);
    io("offset", self.offset);
    io("last_offset", self.last_offset);
    io("error", self.error);
  }
};

struct Printing : Counting {
  explicit Printing(std::string& to) : lines(to) {}
  std::string& lines;
  const kafka::TopicPartition* from = nullptr;

  void tweet(const kafka::RecordView& record, const TweetView& tweet, Sentiment sentiment) {
    Counting::tweet(record, tweet, sentiment);
    JsonWriter(lines).put(Line{*from, record.offset, tweet});
    lines += '\n';
  }
  void reading(const kafka::RecordView& record, const Reading& reading) {
    Counting::reading(record, reading);
    JsonWriter(lines).put(ReadingLine{*from, record.offset, reading});
    lines += '\n';
  }
  bool payload(const kafka::RecordView& record, const RecordId& id,
               const std::optional<Reading>& of) {
    if (of) return reading(record, *of), true;
    Counting::payload(record, id, of);
    JsonWriter(lines).put(PayloadLine{*from, record, id});
    lines += '\n';
    return true;
  }
  void undecodable(const Undecodable& what) {
    Counting::undecodable(what);
    JsonWriter(lines).put(ErrorLine{*from, what.first_offset, what.last_offset, what.why});
    lines += '\n';
  }
};

}  // namespace

Result<Stored> NoneSink::store(std::span<const kafka::Fetched> batches) {
  decoder_.forget();
  Counting counting;
  for (const kafka::Fetched& fetched : batches) read_tweets(fetched, scratch_, decoder_, counting);
  return counting.tally.sum();
}

Result<Stored> StdoutSink::store(std::span<const kafka::Fetched> batches) {
  decoder_.forget();
  lines_.clear();
  Printing printing(lines_);
  for (const kafka::Fetched& fetched : batches) {
    printing.from = &fetched.from;
    read_tweets(fetched, scratch_, decoder_, printing);
  }
  if (std::fwrite(lines_.data(), 1, lines_.size(), out_) != lines_.size() || std::fflush(out_) != 0)
    return Error{.code = ErrorCode::kStorage,
                 .message = fmt::format("standard output: {}", std::strerror(errno)),
                 .hint = "whoever reads it has gone, or the disk is full",
                 .system = errno};
  return printing.tally.sum();
}

}  // namespace ds
