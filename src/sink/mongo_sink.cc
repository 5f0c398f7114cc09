#include "sink/mongo_sink.h"

#include <mongoc/mongoc.h>

#include <algorithm>
#include <deque>

#include "base/retry_wait.h"
#include "sink/mongo_client.h"
#include "sink/rollup_count.h"
#include "sink/take_back.h"

namespace ds {
namespace {

constexpr std::size_t kBulkDocuments = 5000;
constexpr std::size_t kBulkBytes = 8 << 20;
constexpr const char* kCollections[] = {"tweets", "readings", "records", "rollups"};
enum Collection : std::uint8_t { kTweets, kReadings, kRecords, kRollups };

constexpr int kDuplicateKey = 11000;
/// The whole message is too large, or a document in it.
constexpr int kTooLarge[] = {10334, 17280, 16, 17419, 17420};
/// Of the server's state, not of the document: it passes.
constexpr int kPasses[] = {6,     7,     8,     24,    39,    50,    63,    64,    89,    91,
                           100,   112,   133,   134,   189,   202,   246,   262,   317,   9001,
                           10058, 10107, 11600, 11601, 11602, 13388, 13435, 13436, 14031, 46841};

bool is_among(std::span<const int> codes, int code) {
  return std::ranges::find(codes, code) != codes.end();
}

struct Document {
  bson_t* bson = nullptr;
  Collection collection = kTweets;
  std::uint32_t batch = 0;
  std::int64_t first = 0, last = 0;  // offsets as they were fetched
  std::uint32_t brand = 0;           // of rollups
  std::uint8_t sentiment = 0;

  Document() = default;
  Document(Document&& other) noexcept { *this = std::move(other); }
  Document& operator=(Document&& other) noexcept {
    std::swap(bson, other.bson);
    collection = other.collection;
    batch = other.batch;
    first = other.first;
    last = other.last;
    brand = other.brand;
    sentiment = other.sentiment;
    return *this;
  }
  ~Document() {
    if (bson != nullptr) bson_destroy(bson);
  }
};

struct Refused {
  Document document;
  std::string why;
};

void put(bson_t* to, const char* key, std::string_view text) {
  bson_append_utf8(to, key, -1, text.data() == nullptr ? "" : text.data(),
                   static_cast<int>(text.size()));
}
void put(bson_t* to, const char* key, std::int64_t number) {
  bson_append_int64(to, key, -1, number);
}

void put(bson_t* to, const char* key, const std::optional<ByteView>& value) {
  if (!value)
    bson_append_null(to, key, -1);
  else if (detail::is_sound_text(as_text(*value)))
    put(to, key, as_text(*value));
  else
    bson_append_binary(to, key, -1, BSON_SUBTYPE_BINARY, value->data(),
                       static_cast<std::uint32_t>(value->size()));
}
/// Who a record is; see id_in_headers() and TweetIdReader.
void put(bson_t* to, const RecordId& id) {
  put(to, "run", run_name(id.run));
  put(to, "producer_id", static_cast<std::int64_t>(id.stream));
  put(to, "sequence", static_cast<std::int64_t>(id.sequence));
}

std::string text_at(const bson_iter_t* in, const char* name) {
  bson_iter_t inner, found;
  if (bson_iter_recurse(in, &inner) && bson_iter_find_descendant(&inner, name, &found) &&
      BSON_ITER_HOLDS_UTF8(&found))
    return bson_iter_utf8(&found, nullptr);
  return {};
}
int number_at(const bson_iter_t* in, const char* name) {
  bson_iter_t inner;
  if (bson_iter_recurse(in, &inner) && bson_iter_find(&inner, name) &&
      BSON_ITER_HOLDS_NUMBER(&inner))
    return static_cast<int>(bson_iter_as_int64(&inner));
  return 0;
}

/// Newer servers name the index's keys; all of them name the index in the message.
bool is_on_id(const bson_iter_t* error, const std::string& message) {
  bson_iter_t inner, keys, key;
  if (bson_iter_recurse(error, &inner) && bson_iter_find(&inner, "keyPattern") &&
      bson_iter_recurse(&inner, &keys)) {
    int count = 0;
    bool id = false;
    for (key = keys; bson_iter_next(&key); ++count)
      id = id || bson_iter_key(&key) == std::string_view("_id");
    return id && count == 1;
  }
  return message.find("index: _id_") != std::string::npos ||
         message.find(".$_id_") != std::string::npos;
}

}  // namespace

MongoVerdict mongo_verdict(int code, bool on_id) {
  if (code == kDuplicateKey) return on_id ? MongoVerdict::kWritten : MongoVerdict::kRefused;
  return is_among(kPasses, code) ? MongoVerdict::kRetry : MongoVerdict::kRefused;
}

/// A connection, and what it takes to get documents through it.
class MongoSink::Server {
 public:
  Server(MongoClient client, const Clock& clock)
      : client_(std::move(client)),
        most_(std::min(kBulkDocuments, client_.documents_at_once(kBulkDocuments))),
        random_(mix_bits(static_cast<std::uint64_t>(clock.now()))) {
    majority_ = mongoc_write_concern_new();
    mongoc_write_concern_set_wmajority(majority_, 0);
    for (const char* collection : kCollections)
      collections_.push_back(
          mongoc_client_get_collection(client_.get(), database().c_str(), collection));
  }
  ~Server() {
    for (mongoc_collection_t* each : collections_) mongoc_collection_destroy(each);
    mongoc_write_concern_destroy(majority_);
  }
  Server(const Server&) = delete;

  const std::string& name() const { return client_.name(); }
  const std::string& database() const { return client_.database(); }
  void be_patient_with(Patience& patience) { patience_ = &patience; }

  /// Until every document is written or refused.
  Status insert(std::deque<Document> documents, std::vector<Refused>& refused) {
    int attempts = 0;
    std::size_t at_once = most_;
    while (!documents.empty()) {
      std::vector<Document> bulk;
      const Collection collection = documents.front().collection;
      while (!documents.empty() && bulk.size() < at_once &&
             documents.front().collection == collection) {
        bulk.push_back(std::move(documents.front()));
        documents.pop_front();
      }
      const std::size_t size = bulk.size();
      Outcome outcome = try_insert(collection, bulk, refused);
      for (auto left = outcome.left.rbegin(); left != outcome.left.rend(); ++left)
        documents.push_front(std::move(*left));
      if (outcome.too_large) {
        at_once = std::max<std::size_t>(1, size / 2);
        continue;
      }
      if (!outcome.error) {
        attempts = 0;
        at_once = most_;
        continue;
      }
      if (patience_ == nullptr || !patience_->wait(retry_wait(attempts++, random_), *outcome.error))
        return *outcome.error;
    }
    return Done{};
  }

 private:
  struct Outcome {
    std::vector<Document> left;  // neither written nor refused
    std::optional<Error> error;  // why, if it may pass
    bool too_large = false;
  };

  Error passing(std::string_view message) const {
    return {.code = ErrorCode::kTimeout, .message = fmt::format("{}: {}", name(), message)};
  }

  Outcome try_insert(Collection collection, std::vector<Document>& bulk,
                     std::vector<Refused>& refused) {
    bson_t options = BSON_INITIALIZER;
    BSON_APPEND_BOOL(&options, "ordered", false);
    mongoc_write_concern_append(majority_, &options);
    mongoc_bulk_operation_t* operation =
        mongoc_collection_create_bulk_operation_with_opts(collections_[collection], &options);
    bson_destroy(&options);
    bson_error_t error{};
    Outcome outcome;
    std::vector<std::size_t> sent;  // mongoc counts without those that it refuses itself
    for (std::size_t i = 0; i < bulk.size(); ++i) {
      if (mongoc_bulk_operation_insert_with_opts(operation, bulk[i].bson, nullptr, &error))
        sent.push_back(i);
      else
        refused.push_back({std::move(bulk[i]), error.message});
    }
    if (!sent.empty()) execute(operation, bulk, sent, refused, outcome);
    mongoc_bulk_operation_destroy(operation);
    return outcome;
  }

  void execute(mongoc_bulk_operation_t* operation, std::vector<Document>& bulk,
               const std::vector<std::size_t>& sent, std::vector<Refused>& refused,
               Outcome& outcome) {
    bson_t reply;
    bson_error_t error{};
    const bool done = mongoc_bulk_operation_execute(operation, &reply, &error) != 0;
    bool told_of_documents = false, concern = false;
    bson_iter_t iter, errors;
    if (bson_iter_init_find(&iter, &reply, "writeErrors") && bson_iter_recurse(&iter, &errors))
      while (bson_iter_next(&errors)) {
        told_of_documents = true;
        const auto index = static_cast<std::size_t>(number_at(&errors, "index"));
        if (index >= sent.size()) continue;
        judge(errors, bulk[sent[index]], refused, outcome);
      }
    if (bson_iter_init_find(&iter, &reply, "writeConcernErrors") &&
        bson_iter_recurse(&iter, &errors) && bson_iter_next(&errors)) {
      concern = true;
      if (!outcome.error) outcome.error = passing(text_at(&errors, "errmsg"));
    }
    bson_destroy(&reply);
    if (done) return;
    if (concern || (!told_of_documents && !done)) {
      // Nobody knows what of it is safe: all of it again, and what is there says so by its _id.
      outcome.too_large = !concern && bulk.size() > 1 && error.domain == MONGOC_ERROR_SERVER &&
                          is_among(kTooLarge, static_cast<int>(error.code));
      const bool refuse =
          !concern && bulk.size() == 1 && is_among(kTooLarge, static_cast<int>(error.code));
      for (Document& document : bulk) {
        if (document.bson == nullptr) continue;
        if (refuse)
          refused.push_back({std::move(document), error.message});
        else
          outcome.left.push_back(std::move(document));
      }
      if (!refuse && !outcome.too_large && !outcome.error) outcome.error = passing(error.message);
    }
  }

  void judge(const bson_iter_t& told, Document& document, std::vector<Refused>& refused,
             Outcome& outcome) {
    const int code = number_at(&told, "code");
    const std::string message = text_at(&told, "errmsg");
    switch (mongo_verdict(code, is_on_id(&told, message))) {
      case MongoVerdict::kWritten:
        break;
      case MongoVerdict::kRetry:
        outcome.left.push_back(std::move(document));
        if (!outcome.error) outcome.error = passing(fmt::format("{} ({})", message, code));
        break;
      case MongoVerdict::kRefused:
        refused.push_back({std::move(document), fmt::format("{} ({})", message, code)});
        break;
    }
  }

  const MongoClient client_;
  /// In one command: of a bulk that libmongoc sends in several, some may have been answered while
  /// others were cut off, and which they are cannot be told from its reply.
  const std::size_t most_;
  Patience* patience_ = nullptr;
  Random random_;
  mongoc_write_concern_t* majority_ = nullptr;
  std::vector<mongoc_collection_t*> collections_;
};

/// What one store() writes.
class MongoSink::Storing {
 public:
  Storing(MongoSink& sink)
      : server_(*sink.server_),
        raw_(sink.settings_.store != StoreAs::kRollup),
        rollup_(sink.settings_.store != StoreAs::kRaw),
        replay_(sink.settings_.replay),
        wall_ms_(sink.clock_.wall_ms()) {}

  void begin(std::size_t batch) { batch_ = static_cast<std::uint32_t>(batch); }

  std::string_view tweet(const Place& place, const kafka::RecordView& record,
                         const TweetView& tweet, Sentiment sentiment) {
    if (raw_) {
      Document document = start(kTweets, place, record);
      bson_t data;
      bson_append_document_begin(document.bson, "data", -1, &data);
      put(&data, "tweetId", tweet.tweet_id);
      put(&data, "timestamp", tweet.timestamp);
      put(&data, "text", tweet.text);
      put(&data, "brand", tweet.brand);
      put(&data, "sentiment", tweet.sentiment);
      bson_append_document_end(document.bson, &data);
      put(document.bson, "timestamp_producer", tweet.timestamp);
      if (const auto id = ids_.read(tweet.tweet_id)) put(document.bson, *id);
      add(std::move(document));
    }
    if (rollup_) add_up(place, record.offset, tweet, sentiment);
    if (rollup_ && replay_) end_rollup(place.from);
    return {};
  }

  std::string_view reading(const Place& place, const kafka::RecordView& record,
                           const Reading& reading) {
    add(document_of(place, record, reading));
    return {};
  }
  /// A reading that carries its identity: only the run is not in the reading itself.
  std::string_view reading(const Place& place, const kafka::RecordView& record, const Reading& of,
                           const RecordId& id) {
    Document document = document_of(place, record, of);
    put(document.bson, "run", run_name(id.run));
    add(std::move(document));
    return {};
  }
  /// As readings, a document whatever the way of storing.
  std::string_view payload(const Place& place, const kafka::RecordView& record,
                           const RecordId& id) {
    Document document = start(kRecords, place, record);
    put(document.bson, "key", record.key);
    put(document.bson, "data", record.value);
    put(document.bson, "timestamp_producer", record.timestamp);
    put(document.bson, id);
    add(std::move(document));
    return {};
  }

  void batch_done(const kafka::TopicPartition& from, const kafka::BatchHeader&) {
    if (rollup_) end_rollup(from);
  }

  Status finish() {
    flush();
    return error_ ? Status(*error_) : Status(Done{});
  }
  const std::optional<Error>& error() const { return error_; }

  template <typename WalkOf>
  void take_back_refused(std::span<const kafka::Fetched> batches, WalkOf& walk, ByteVec& scratch,
                         TweetDecoder& decoder);

 private:
  Document start(Collection collection, const Place& place, const kafka::RecordView& record) {
    Document document;
    document.collection = collection;
    document.batch = batch_;
    document.first = document.last = record.offset;
    document.bson = bson_sized_new(512);
    id_.clear();
    fmt::format_to(std::back_inserter(id_), "{}/{}/{}", place.from.topic, place.from.partition,
                   place.offset);
    put(document.bson, "_id", id_);
    put(document.bson, "topic", place.from.topic);
    bson_append_int32(document.bson, "partition", -1, place.from.partition);
    put(document.bson, "offset", place.offset);
    put(document.bson, "timestamp_kafka", record.timestamp);
    put(document.bson, "timestamp_db", wall_ms_);
    return document;
  }

  Document document_of(const Place& place, const kafka::RecordView& record,
                       const Reading& reading) {
    Document document = start(kReadings, place, record);
    bson_append_double(document.bson, "data", -1, reading.data);
    put(document.bson, "timestamp_producer", reading.timestamp_producer);
    put(document.bson, "producer_id", reading.producer_id);
    put(document.bson, "sequence", reading.sequence);
    return document;
  }

  void add(Document document) {
    bytes_ += document.bson->len;
    documents_.push_back(std::move(document));
    if (documents_.size() >= kBulkDocuments || bytes_ >= kBulkBytes) flush();
  }
  void flush() {
    bytes_ = 0;
    auto documents = std::exchange(documents_, {});
    if (error_ || documents.empty()) return;
    if (auto inserted = server_.insert(std::move(documents), refused_); !inserted)
      error_ = inserted.error();
  }

  void add_up(const Place& place, std::int64_t offset, const TweetView& tweet,
              Sentiment sentiment) {
    if (!count_.takes(tweet.timestamp)) end_rollup(place.from);
    count_.add({offset, place.offset}, tweet.timestamp, tweet.brand, sentiment);
  }
  void end_rollup(const kafka::TopicPartition& from) {
    const auto first = count_.first(), last = count_.last();
    count_.each([&](std::uint32_t brand, Sentiment sentiment, std::uint64_t count) {
      const std::string& name = count_.brand(brand);
      const std::string_view kind = kSentimentNames[static_cast<std::size_t>(sentiment)];
      Document document;
      document.collection = kRollups;
      document.batch = batch_;
      document.first = first.offset;
      document.last = last.offset;
      document.brand = brand;
      document.sentiment = static_cast<std::uint8_t>(sentiment);
      document.bson = bson_sized_new(256);
      put(document.bson, "_id",
          fmt::format("{}/{}/{}/{}/{}", from.topic, from.partition, first.place, name, kind));
      put(document.bson, "topic", from.topic);
      bson_append_int32(document.bson, "partition", -1, from.partition);
      put(document.bson, "first_offset", first.place);
      put(document.bson, "last_offset", last.place);
      put(document.bson, "timestamp", count_.first_ms());
      put(document.bson, "timestamp_db", wall_ms_);
      put(document.bson, "brand", name);
      put(document.bson, "sentiment", kind);
      put(document.bson, "count", static_cast<std::int64_t>(count));
      add(std::move(document));
      return true;
    });
    count_.clear();
  }

  Server& server_;
  const bool raw_, rollup_, replay_;
  const std::int64_t wall_ms_;
  std::uint32_t batch_ = 0;
  std::string id_;
  TweetIdReader ids_;
  std::deque<Document> documents_;
  std::size_t bytes_ = 0;
  std::vector<Refused> refused_;
  std::optional<Error> error_;
  RollupCount count_;
};

/// Reads the batches once more for the records behind the refused documents.
template <typename WalkOf>
void MongoSink::Storing::take_back_refused(std::span<const kafka::Fetched> batches, WalkOf& walk,
                                           ByteVec& scratch, TweetDecoder& decoder) {
  std::map<std::uint32_t, std::vector<RefusedLine>> by_batch;
  for (const Refused& each : refused_)
    by_batch[each.document.batch].push_back(
        {.rollup = each.document.collection == kRollups,
         .brand = each.document.collection == kRollups ? count_.brand(each.document.brand) : "",
         .sentiment = static_cast<Sentiment>(each.document.sentiment),
         .first = each.document.first,
         .last = each.document.last,
         .why = each.why});
  for (const auto& [batch, lines] : by_batch)
    take_back(batches[batch], lines, walk, scratch, decoder);
}

MongoSink::MongoSink(std::unique_ptr<Server> server, const SinkSettings& settings,
                     const Clock& clock)
    : settings_(settings), clock_(clock), server_(std::move(server)), decoder_(settings.decode) {}

MongoSink::~MongoSink() = default;

Result<std::unique_ptr<MongoSink>> MongoSink::open(const std::string& url,
                                                   const SinkSettings& settings,
                                                   const Clock& clock) {
  auto client = MongoClient::open(url, settings, settings.request_timeout);
  if (!client) return std::move(client).error();
  auto server = std::make_unique<Server>(std::move(*client), clock);
  return std::unique_ptr<MongoSink>(new MongoSink(std::move(server), settings, clock));
}

void MongoSink::be_patient_with(Patience& patience) {
  server_->be_patient_with(patience);
}

std::string MongoSink::description() const {
  return fmt::format("mongo {}, database {}, {}, exactly once by _id, majority", server_->name(),
                     server_->database(), name_of(settings_.store));
}

Result<Stored> MongoSink::store(std::span<const kafka::Fetched> batches) {
  decoder_.forget();
  Storing storing(*this);
  Walk<Storing> walk(storing, settings_, seen_);
  for (std::size_t i = 0; i < batches.size() && !storing.error(); ++i) {
    storing.begin(i);
    walk.read(batches[i], scratch_, decoder_);
  }
  if (auto finished = storing.finish(); !finished) return std::move(finished).error();
  storing.take_back_refused(batches, walk, scratch_, decoder_);
  if (auto sent = walk.tray().send(); !sent) return std::move(sent).error();
  walk.keep_seen();
  return walk.tally().sum();
}

}  // namespace ds
