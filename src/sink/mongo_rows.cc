// MongoDB's documents for the report, by a cursor: the server sends them in batches.
#include <algorithm>

#include "sink/mongo_client.h"
#include "sink/stored_rows.h"

namespace ds {
namespace {

constexpr std::size_t kSlice = 4096;

/// Frees what libbson made.
struct Bson {
  Bson() { bson_init(&value); }
  ~Bson() { bson_destroy(&value); }
  Bson(const Bson&) = delete;
  bson_t value;
};

class MongoRows final : public RowReader {
 public:
  explicit MongoRows(MongoClient client) : client_(std::move(client)) {}

  std::string name() const override {
    return fmt::format("mongo {}, database {}", client_.name(), client_.database());
  }

  Result<std::vector<StoredTopic>> topics() override {
    std::vector<StoredTopic> topics;
    for (const bool readings : {true, false}) {
      Bson command;
      BSON_APPEND_UTF8(&command.value, "distinct", readings ? "readings" : "tweets");
      BSON_APPEND_UTF8(&command.value, "key", "topic");
      bson_error_t error;
      bson_t answer;
      const bool answered = mongoc_client_command_simple(client_.get(), client_.database().c_str(),
                                                         &command.value, nullptr, &answer, &error);
      if (answered) {
        bson_iter_t at, each;
        if (bson_iter_init_find(&at, &answer, "values") && bson_iter_recurse(&at, &each))
          while (bson_iter_next(&each))
            if (BSON_ITER_HOLDS_UTF8(&each))
              topics.push_back({bson_iter_utf8(&each, nullptr), readings});
      }
      bson_destroy(&answer);
      if (!answered) return failed(error);
    }
    return topics;
  }

  Result<ClaimBook> claims() override { return ClaimBook(); }

  Result<RowsRead> read(const StoredTopic& topic, const Take& take) override {
    const std::unique_ptr<mongoc_collection_t, decltype(&mongoc_collection_destroy)> collection(
        mongoc_client_get_collection(client_.get(), client_.database().c_str(),
                                     topic.readings ? "readings" : "tweets"),
        &mongoc_collection_destroy);
    Bson filter, options, fields;
    BSON_APPEND_UTF8(&filter.value, "topic", topic.topic.c_str());
    BSON_APPEND_BOOL(&fields.value, "_id", false);
    for (const char* const field :
         {"producer_id", "sequence", "timestamp_producer", "timestamp_kafka", "timestamp_db"})
      BSON_APPEND_BOOL(&fields.value, field, true);
    BSON_APPEND_BOOL(&fields.value, topic.readings ? "data" : "run", true);
    BSON_APPEND_DOCUMENT(&options.value, "projection", &fields.value);
    BSON_APPEND_INT32(&options.value, "batchSize", kSlice);
    const std::unique_ptr<mongoc_cursor_t, decltype(&mongoc_cursor_destroy)> cursor(
        mongoc_collection_find_with_opts(collection.get(), &filter.value, &options.value, nullptr),
        &mongoc_cursor_destroy);
    std::vector<StoredRow> slice;
    slice.reserve(kSlice);
    RowsRead read;
    const auto give = [&] {
      take(slice);
      read.rows += slice.size();
      slice.clear();
    };
    const bson_t* document = nullptr;
    while (mongoc_cursor_next(cursor.get(), &document)) {
      fill(*document, slice.emplace_back());
      if (slice.size() == kSlice) give();
    }
    bson_error_t error;
    if (mongoc_cursor_error(cursor.get(), &error)) return failed(error);
    give();
    return read;
  }

  Status read_numbers(const TakeNumbers&) override { return Done{}; }

 private:
  Error failed(const bson_error_t& error) const {
    return {.code = ErrorCode::kUnreachable,
            .message = fmt::format("{}: {}", client_.name(), error.message),
            .hint = "check the address, user and password in MONGO_URL"};
  }

  static void fill(const bson_t& document, StoredRow& row) {
    bool producer = false, sequence = false;
    bson_iter_t at;
    bson_iter_init(&at, &document);
    while (bson_iter_next(&at)) {
      const std::string_view key(bson_iter_key(&at), bson_iter_key_len(&at));
      if (key == "run" && BSON_ITER_HOLDS_UTF8(&at)) {
        row.run = std::strtoull(bson_iter_utf8(&at, nullptr), nullptr, 16);
      } else if (!BSON_ITER_HOLDS_NUMBER(&at)) {
        continue;
      } else if (key == "producer_id") {
        row.producer = bson_iter_as_int64(&at);
        producer = true;
      } else if (key == "sequence") {
        row.sequence = bson_iter_as_int64(&at);
        sequence = row.sequence >= 0;
      } else if (key == "timestamp_producer") {
        row.made_ms = bson_iter_as_int64(&at);
      } else if (key == "timestamp_kafka") {
        row.kafka_ms = bson_iter_as_int64(&at);
      } else if (key == "timestamp_db") {
        row.db_ms = bson_iter_as_int64(&at);
      } else if (key == "data") {
        row.value = bson_iter_as_double(&at);
      }
    }
    row.numbered = producer && sequence;
  }

  const MongoClient client_;
};

}  // namespace

Result<std::unique_ptr<RowReader>> open_mongo_rows(const std::string& url) {
  auto client = MongoClient::open(url, SinkSettings(), MongoClient::kReadWithin);
  if (!client) return std::move(client).error();
  return std::unique_ptr<RowReader>(new MongoRows(std::move(client).value()));
}

}  // namespace ds
