#include "sink/influx_lines.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "base/utf8.h"
#include "record/tweet.h"

namespace ds {
namespace {

/// The part of the text that is at most kTweetTextMax characters long.
std::string_view cut(std::string_view text) {
  if (text.size() <= kTweetTextMax) return text;
  std::size_t characters = 0, at = 0;
  while (at < text.size() && characters < kTweetTextMax) {
    at += std::max<std::size_t>(1, utf8_sequence_length(text.substr(at, 4)));
    ++characters;
  }
  return text.substr(0, at);
}

char* put(char* to, std::string_view text) {
  std::memcpy(to, text.data(), text.size());
  return to + text.size();
}

/// Within the quotes of a field: quotes and backslashes get a backslash, all else stands for
/// itself, line ends among it.
char* put_quoted(char* to, std::string_view text) {
  constexpr std::uint64_t kOnes = 0x0101010101010101, kHigh = 0x8080808080808080;
  const auto has = [](std::uint64_t word, unsigned char c) {
    const std::uint64_t same = word ^ (kOnes * c);
    return (same - kOnes) & ~same & kHigh;
  };
  std::size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    std::uint64_t word;
    std::memcpy(&word, text.data() + i, 8);
    if ((has(word, '"') | has(word, '\\')) != 0) break;
    std::memcpy(to, &word, 8);
    to += 8;
  }
  for (; i < text.size(); ++i) {
    if (text[i] == '"' || text[i] == '\\') *to++ = '\\';
    *to++ = text[i];
  }
  return to;
}

char* put_number(char* to, std::int64_t number) {
  return std::to_chars(to, to + 20, number).ptr;
}

/// Grows by steps, so that a body that is used again never does.
char* room(std::string& body, std::size_t bytes) {
  const std::size_t at = body.size();
  body.resize(at + bytes);
  return body.data() + at;
}

void end_at(std::string& body, const char* end) {
  body.resize(static_cast<std::size_t>(end - body.data()));
}

}  // namespace

PointTimes::Verdict PointTimes::look_among(Moment& moment, std::int64_t offset) {
  const std::span<Run> runs = std::span(moment.runs).first(moment.used);
  const auto away = [&](const Run& run) {
    return std::max({std::int64_t{0}, run.first - offset, offset - run.last});
  };
  Run* own = &*std::ranges::min_element(runs, {}, away);
  if (away(*own) >= kNear ||
      std::max(own->last, offset) - std::min(own->first, offset) >= kPerMillisecond)
    own = nullptr;
  for (const Run& run : runs) {
    const std::int64_t past = (offset - run.first) % kPerMillisecond;
    const std::int64_t place = past < 0 ? past + kPerMillisecond : past;
    if (&run != own && place <= run.last - run.first) return Verdict::kTaken;
  }
  if (own == nullptr) {
    if (moment.used == kRuns) return Verdict::kTaken;
    own = &(moment.runs[moment.used++] = {offset, offset});
  }
  own->first = std::min(own->first, offset);
  own->last = std::max(own->last, offset);
  return Verdict::kUnique;
}

std::string escape_tag(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == ',' || c == '=' || c == ' ') out += '\\';
    out += c;
  }
  return out;
}

const std::string& LineWriter::series(const kafka::TopicPartition& from, std::string_view brand,
                                      Sentiment sentiment) {
  if (here_ == nullptr || from != at_) {
    here_ = &prefixes_[from];
    at_ = from;
  }
  const std::uint32_t index = brands_.of(brand);
  if (index >= here_->size()) here_->resize(index + 1);
  std::string& prefix = (*here_)[index][static_cast<std::size_t>(sentiment)];
  if (prefix.empty())
    prefix = fmt::format("tweets,brand={},partition={}/{},sentiment={}{} ", escape_tag(brand),
                         escape_tag(from.topic), from.partition,
                         kSentimentNames[static_cast<std::size_t>(sentiment)],
                         source_tag_ ? ",source=kafkaConsumer" : "");
  return prefix;
}

void LineWriter::tweet(std::string& body, const kafka::TopicPartition& from, std::int64_t time,
                       const TweetView& tweet, Sentiment sentiment) {
  const std::string& prefix = series(from, tweet.brand, sentiment);
  const std::string_view text = cut(tweet.text);
  char* to = room(body, prefix.size() + 2 * (text.size() + tweet.tweet_id.size()) + 64);
  to = put(to, prefix);
  to = put(to, "text=\"");
  to = put_quoted(to, text);
  to = put(to, "\",id=\"");
  to = put_quoted(to, tweet.tweet_id);
  to = put(to, "\",count=1i ");
  to = put_number(to, time);
  *to++ = '\n';
  end_at(body, to);
}

void LineWriter::reading(std::string& body, const kafka::TopicPartition& from, std::int64_t offset,
                         std::int64_t timestamp_kafka, std::int64_t time, const Reading& reading) {
  body += fmt::format(
      "readings,partition={}/{},producer_id={} data={},sequence={}i,timestamp_kafka={}i,offset={}i "
      "{}\n",
      escape_tag(from.topic), from.partition, reading.producer_id, reading.data, reading.sequence,
      timestamp_kafka, offset, time);
}

void LineWriter::rollup(std::string& body, const kafka::TopicPartition& from, std::int64_t time,
                        std::string_view brand, Sentiment sentiment, std::uint64_t count,
                        std::int64_t first_offset, std::int64_t last_offset) {
  body += series(from, brand, sentiment);
  fmt::format_to(std::back_inserter(body), "count={}i,first_offset={}i,last_offset={}i {}\n", count,
                 first_offset, last_offset, time);
}

}  // namespace ds
