#include "sink/mongo_reader.h"

#include "base/whole_number.h"
#include "sink/tally.h"

namespace ds {
namespace {

constexpr int kSlice = 4096;  // documents the server sends at once

using CollectionPtr = std::unique_ptr<mongoc_collection_t, decltype(&mongoc_collection_destroy)>;
using CursorPtr = std::unique_ptr<mongoc_cursor_t, decltype(&mongoc_cursor_destroy)>;

struct Bson {
  explicit Bson(bson_t* made) : bson(made) {}
  ~Bson() { bson_destroy(bson); }
  Bson(const Bson&) = delete;
  bson_t* const bson;
};

std::string_view text_of(const bson_iter_t& at) {
  std::uint32_t length = 0;
  if (!BSON_ITER_HOLDS_UTF8(&at)) return {};
  const char* text = bson_iter_utf8(&at, &length);
  return {text, length};
}

ByteView bytes_of(const bson_iter_t& at) {
  if (!BSON_ITER_HOLDS_BINARY(&at)) return as_bytes(text_of(at));
  std::uint32_t length = 0;
  const std::uint8_t* bytes = nullptr;
  bson_iter_binary(&at, nullptr, &length, &bytes);
  return ByteView(bytes, length);
}

/// The fields of a document or of one inside it that a tweet, a reading, another payload or a
/// rollup has; others are passed over.
struct Fields {
  TweetView tweet;
  Reading reading;
  ByteView value;
  std::optional<std::uint64_t> run;
  std::int32_t partition = -1;
  std::int64_t count = -1;
  bool has_id = false;

  /// Of a reading or another payload.
  std::optional<RecordId> id() const {
    if (!run) return std::nullopt;
    return RecordId{*run, static_cast<std::uint32_t>(reading.producer_id),
                    static_cast<std::uint64_t>(reading.sequence)};
  }

  void read(bson_iter_t& at) {
    while (bson_iter_next(&at)) {
      const std::string_view key = bson_iter_key(&at);
      if (key == "data") {
        bson_iter_t inner;
        if (BSON_ITER_HOLDS_DOCUMENT(&at) && bson_iter_recurse(&at, &inner)) read(inner);
        if (BSON_ITER_HOLDS_NUMBER(&at)) reading.data = bson_iter_as_double(&at);
        value = bytes_of(at);
      } else if (key == "run") {
        run = whole_number<std::uint64_t>(text_of(at), 16);
      } else if (key == "partition" && BSON_ITER_HOLDS_NUMBER(&at)) {
        partition = static_cast<std::int32_t>(bson_iter_as_int64(&at));
      } else if (key == "tweetId") {
        tweet.tweet_id = text_of(at);
        has_id = !tweet.tweet_id.empty();
      } else if (key == "timestamp" && BSON_ITER_HOLDS_NUMBER(&at)) {
        tweet.timestamp = bson_iter_as_int64(&at);
      } else if (key == "text") {
        tweet.text = text_of(at);
      } else if (key == "brand") {
        tweet.brand = text_of(at);
      } else if (key == "sentiment") {
        tweet.sentiment = text_of(at);
      } else if (key == "count" && BSON_ITER_HOLDS_NUMBER(&at)) {
        count = bson_iter_as_int64(&at);
      } else if (key == "timestamp_producer" && BSON_ITER_HOLDS_NUMBER(&at)) {
        reading.timestamp_producer = bson_iter_as_int64(&at);
      } else if (key == "producer_id" && BSON_ITER_HOLDS_NUMBER(&at)) {
        reading.producer_id = bson_iter_as_int64(&at);
      } else if (key == "sequence" && BSON_ITER_HOLDS_NUMBER(&at)) {
        reading.sequence = bson_iter_as_int64(&at);
      }
    }
  }
};

}  // namespace

Result<std::unique_ptr<MongoReader>> MongoReader::open(const std::string& url,
                                                       const SinkSettings& settings) {
  auto client = MongoClient::open(url, settings, MongoClient::kReadWithin);
  if (!client) return std::move(client).error();
  return std::unique_ptr<MongoReader>(new MongoReader(std::move(*client)));
}

template <typename Each>
Status MongoReader::each(const char* collection, bool sorted, Each&& tell) {
  const CollectionPtr from(
      mongoc_client_get_collection(client_.get(), client_.database().c_str(), collection),
      &mongoc_collection_destroy);
  const Bson all(bson_new());
  const Bson options(BCON_NEW("batchSize", BCON_INT32(kSlice)));
  if (sorted) {
    BCON_APPEND(options.bson, "allowDiskUse", BCON_BOOL(true), "sort", "{", "topic", BCON_INT32(1),
                "partition", BCON_INT32(1), "offset", BCON_INT32(1), "}");
  }
  const CursorPtr cursor(
      mongoc_collection_find_with_opts(from.get(), all.bson, options.bson, nullptr),
      &mongoc_cursor_destroy);
  const bson_t* document = nullptr;
  while (mongoc_cursor_next(cursor.get(), &document)) {
    bson_iter_t at;
    Fields fields;
    if (bson_iter_init(&at, document)) fields.read(at);
    tell(fields);
  }
  bson_error_t error{};
  if (mongoc_cursor_error(cursor.get(), &error))
    return Error{.code = ErrorCode::kUnreachable,
                 .message = fmt::format("{}: {}", stage(), error.message)};
  return Done{};
}

Status MongoReader::read(StageVisitor& visitor) {
  named_ = rolled_ = 0;
  std::int32_t partition = -1;
  const auto at = [&](const Fields& fields) {
    ++named_;
    if (fields.partition != partition) visitor.partition(partition = fields.partition);
  };
  auto tweets = each("tweets", true, [&](const Fields& fields) {
    at(fields);
    if (fields.has_id)
      visitor.tweet(fields.tweet);
    else
      visitor.foreign(1);
  });
  if (!tweets) return tweets;
  partition = -1;
  auto records = each("records", true, [&](const Fields& fields) {
    at(fields);
    if (const auto id = fields.id())
      visitor.payload(*id, content_hash(fields.value), fields.reading.timestamp_producer);
    else
      visitor.foreign(1);
  });
  if (!records) return records;
  auto readings = each("readings", false, [&](const Fields& fields) {
    ++named_;
    if (const auto id = fields.id())
      visitor.identities(id->run, id->stream, {id->sequence, id->sequence + 1});
    visitor.reading(fields.reading);
  });
  if (!readings) return readings;
  return each("rollups", false, [&](const Fields& fields) {
    ++rolled_;
    const std::int64_t ms = fields.tweet.timestamp;
    if (fields.count >= 0)
      visitor.rollup(second_of(ms), fields.tweet.brand, fields.tweet.sentiment,
                     static_cast<std::uint64_t>(fields.count));
  });
}

}  // namespace ds
