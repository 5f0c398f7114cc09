#include "cli/dry_run.h"

#include <fmt/format.h>

#include "base/json_writer.h"
#include "base/utf8.h"
#include "cli/commands.h"

namespace ds::cli {
namespace {

constexpr std::size_t kShownBytes = 48;  // of values that are no text

void print_tweets(const StormOptions& options, std::uint64_t records, bool json) {
  const TweetGenerator generator(options.tweets);
  const std::int64_t now_ms = SystemClock().wall_ms();
  for (std::uint64_t i = 0; i < records; ++i) {
    const Tweet tweet = dry_record(generator, options, i, now_ms);
    if (json)
      fmt::print("{}\n", to_json(tweet));
    else
      fmt::print("{:>8}  {:<8}  {}  {}\n", i, tweet.sentiment, tweet.brand, tweet.text);
  }
}

/// A record as it would lie in the topic; `value` is JSON already.
struct DryRecord {
  std::uint64_t record;
  std::string run;
  RecordFacts facts;
  std::string value;
  std::size_t bytes;
  std::string id;

  std::string to_json() const {
    std::string out = fmt::format(
        R"({{"record":{},"run":"{}","stream":{},"sequence":{},"timestamp":{},"ds-id":"{}","bytes":{})",
        record, run, facts.stream, facts.sequence, facts.timestamp_ms, id, bytes);
    return out + ",\"value\":" + value + "}";
  }
};

bool is_text(std::string_view bytes) {
  if (!is_utf8(bytes)) return false;
  return std::ranges::none_of(bytes, [](char c) {
    return static_cast<unsigned char>(c) < ' ' && c != '\n' && c != '\t' && c != '\r';
  });
}

void print_values(const StormOptions& options, std::uint64_t records, bool json) {
  const ImagePool& pool = *options.values;
  const RunClaim& claim = options.run.claim;
  const Numbering numbering{claim.batch_size, claim.streams};
  const std::int64_t now_ms = SystemClock().wall_ms();
  for (std::uint64_t i = 0; i < records; ++i) {
    const Numbering::Place place = numbering.place(i);
    const RecordFacts facts{.seed = claim.seed,
                            .record = i,
                            .stream = place.stream,
                            .sequence = place.sequence,
                            .timestamp_ms = now_ms};
    Image fresh, readable;
    const std::size_t bytes = size_of(pool.image(claim.seed, i, fresh), facts);
    pool.payload->draw_readable(pool.images.empty() ? i : pool.pick(claim.seed, i), readable);
    const ByteVec made = made_of(readable, facts);
    const std::string_view text = as_text(made);
    if (!json) {
      fmt::print("{:>8}  {}\n", i,
                 is_text(text)
                     ? std::string(text)
                     : fmt::format("{}{} ({} bytes)",
                                   to_hex(ByteView(made).first(std::min(made.size(), kShownBytes))),
                                   made.size() > kShownBytes ? " …" : "", made.size()));
      continue;
    }
    std::string value;
    if (pool.payload->readable_is_json())
      value = text;
    else if (is_text(text))
      append_json_string(value, text);
    else
      value = fmt::format(R"({{"hex":"{}"}})", to_hex(made));
    fmt::print("{}\n", DryRecord{i, run_name(claim.run), facts, std::move(value), bytes,
                                 to_hex(to_binary({claim.run, place.stream, place.sequence}))}
                           .to_json());
  }
}

}  // namespace

int run_dry(StormOptions options, std::uint64_t records, bool json) {
  RunClaim& claim = options.run.claim;
  if (claim.streams == 0) claim.streams = default_streams(options.topic.partitions);
  options.tweets.numbering = {claim.batch_size, claim.streams};
  if (options.values)
    print_values(options, records, json);
  else
    print_tweets(options, records, json);
  return kDone;
}

}  // namespace ds::cli
