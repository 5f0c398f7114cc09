// A server that speaks enough of MongoDB's wire protocol to answer inserts by a script, and
// remembers which _ids it has.
#pragma once

#include <bson/bson.h>

#include <cstring>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "sink/scripted_server.h"

namespace ds {

class ScriptedMongo final : public ScriptedServer {
 public:
  enum class How {
    kWhole,    // stores what is good; code 0, or that code for the bad
    kSome,     // stores every other good document, the others get `code`
    kNone,     // {ok: 0, code}
    kWritten,  // stores, and says of every other that its _id is there already
    kConcern,  // stores, and cannot promise a majority
    kResetBefore,
    kResetAfter,
    kStall,
    kLate,       // stores and answers when nobody waits any more
    kHalfReply,  // stores, and is cut in the middle of the answer
  };
  struct Row {
    const char* what;
    How how = How::kWhole;
    int code = 121;
    const char* message = "Document failed validation";
  };
  static constexpr int kSearchMs = 2400;  // until it has found what is searched for first
  /// Documents whose text is this are refused whenever others are stored.
  static constexpr std::string_view kBad = "please refuse me";

  explicit ScriptedMongo(std::vector<Row> script) : script_(std::move(script)) { start(); }
  ~ScriptedMongo() override { stop(); }

  std::string url() const { return "mongodb://" + address_ + "/brandpulse"; }
  std::set<std::string> ids() const {
    const std::lock_guard lock(mutex_);
    return ids_;
  }

 private:
  static constexpr std::int32_t kReply = 1, kQuery = 2004, kMessage = 2013;
  static constexpr std::size_t kHeader = 16;

  struct Document {
    std::string id;
    bool bad = false;
  };
  class Bson {
   public:
    Bson() { bson_init(&bson_); }
    ~Bson() { bson_destroy(&bson_); }
    Bson(const Bson&) = delete;
    bson_t* get() { return &bson_; }
    Bson& put(const char* key, int value) {
      BSON_APPEND_INT32(&bson_, key, value);
      return *this;
    }
    Bson& put(const char* key, const char* value) {
      BSON_APPEND_UTF8(&bson_, key, value);
      return *this;
    }
    std::string bytes() const {
      return {reinterpret_cast<const char*>(bson_get_data(&bson_)), bson_.len};
    }

   private:
    bson_t bson_;
  };

  std::int32_t number(std::size_t at) const {
    std::int32_t value;
    std::memcpy(&value, buffer_.data() + at, sizeof value);
    return value;
  }
  static std::string packed(std::int32_t value) {
    return {reinterpret_cast<const char*>(&value), sizeof value};
  }

  bool answer(int fd, const std::stop_token& stop) override {
    while (buffer_.size() < kHeader)
      if (!more(fd, stop)) return false;
    const auto length = static_cast<std::size_t>(number(0));
    const bool is_insert = length > 1000 && number(12) == kMessage;
    // What is left of it would come later; a reset before that has stored nothing.
    if (is_insert && is_time() && row().how == How::kResetBefore) {
      ++at_;
      ++requests_;
      reset(fd);
      return false;
    }
    while (buffer_.size() < length)
      if (!more(fd, stop)) return false;
    const std::int32_t request = number(4), op = number(12);
    const auto documents = op == kMessage ? documents_of(length) : std::vector<Document>();
    const bool is_search = documents.empty() && std::string_view(buffer_).substr(0, length).find(
                                                    "find") != std::string::npos;
    buffer_.erase(0, length);
    if (is_search) return find_nothing(fd, request);
    if (documents.empty()) return greet(fd, request, op);
    return insert(fd, request, documents, stop);
  }

  bool is_time() const { return at_ < script_.size() && requests_ % 2 == 0; }
  const Row& row() const { return script_[at_]; }

  /// The documents of an insert: the section of kind 1. Nothing for other commands.
  std::vector<Document> documents_of(std::size_t length) const {
    std::vector<Document> documents;
    std::size_t at = kHeader + 4;
    while (at < length) {
      const char kind = buffer_[at++];
      const auto size = static_cast<std::size_t>(number(at));
      if (kind == 1)
        for (std::size_t next = at + 4 + sizeof "documents"; next < at + size;
             next += static_cast<std::size_t>(number(next)))
          documents.push_back(document_at(next));
      at += size;
    }
    return documents;
  }
  Document document_at(std::size_t at) const {
    bson_t bson;
    check(bson_init_static(&bson, reinterpret_cast<const std::uint8_t*>(buffer_.data()) + at,
                           static_cast<std::size_t>(number(at))),
          "a whole document");
    Document document;
    bson_iter_t iter, text;
    if (bson_iter_init_find(&iter, &bson, "_id")) document.id = bson_iter_utf8(&iter, nullptr);
    if (bson_iter_init(&iter, &bson) && bson_iter_find_descendant(&iter, "data.text", &text))
      document.bad = bson_iter_utf8(&text, nullptr) == kBad;
    return document;
  }

  /// To `hello`, `ping` and whatever else is asked: a standalone that takes inserts.
  static bool greet(int fd, std::int32_t request, std::int32_t op) {
    Bson hello;
    hello.put("maxBsonObjectSize", 16 << 20)
        .put("maxMessageSizeBytes", 48'000'000)
        .put("maxWriteBatchSize", 100'000)
        .put("minWireVersion", 0)
        .put("maxWireVersion", 8)
        .put("ok", 1);
    BSON_APPEND_BOOL(hello.get(), "ismaster", true);
    return reply(fd, request, op, hello.bytes());
  }

  /// The first time after a while, unless the client goes before.
  bool find_nothing(int fd, std::int32_t request) {
    if (!has_searched_ && readable(fd, kSearchMs)) return false;
    has_searched_ = true;
    Bson told, cursor;
    bson_t none;
    BSON_APPEND_ARRAY_BEGIN(cursor.get(), "firstBatch", &none);
    bson_append_array_end(cursor.get(), &none);
    BSON_APPEND_INT64(cursor.get(), "id", 0);
    cursor.put("ns", "brandpulse.tweets");
    BSON_APPEND_DOCUMENT(told.get(), "cursor", cursor.get());
    return reply(fd, request, kMessage, told.put("ok", 1).bytes());
  }

  bool insert(int fd, std::int32_t request, const std::vector<Document>& documents,
              const std::stop_token& stop) {
    Row now{"as it is"};
    const bool good =
        std::ranges::any_of(documents, [](const Document& each) { return !each.bad; });
    // Of one document alone "too large" would be the truth.
    if (is_time() && good && documents.size() > 1) {
      now = row();
      ++at_;
    }
    ++requests_;
    if (now.how == How::kNone) {
      Bson no;
      no.put("ok", 0).put("code", now.code).put("errmsg", now.message);
      return reply(fd, request, kMessage, no.bytes());
    }
    if (now.how == How::kStall) {
      until_gone(fd, stop);
      return false;
    }
    const std::string told = store(documents, now);
    switch (now.how) {
      case How::kResetAfter:
        reset(fd);
        return false;
      case How::kLate:
        until_gone(fd, stop);
        reply(fd, request, kMessage, told);
        return false;
      case How::kHalfReply:
        write(fd, framed(request, kMessage, told).substr(0, 30));
        return false;
      default:
        return reply(fd, request, kMessage, told);
    }
  }

  /// The answer to what is stored, and not.
  std::string store(const std::vector<Document>& documents, const Row& now) {
    const std::lock_guard lock(mutex_);
    Bson told;
    bson_t errors;
    BSON_APPEND_ARRAY_BEGIN(told.get(), "writeErrors", &errors);
    int stored = 0, refused = 0;
    const auto refuse = [&](std::size_t index, int code, const char* message) {
      Bson error;
      error.put("index", static_cast<int>(index)).put("code", code).put("errmsg", message);
      const std::string at = std::to_string(refused++);
      BSON_APPEND_DOCUMENT(&errors, at.c_str(), error.get());
    };
    for (std::size_t i = 0; i < documents.size(); ++i) {
      const Document& document = documents[i];
      const bool other = i % 2 == 1;
      if (document.bad)
        refuse(i, now.how == How::kWhole ? now.code : 121,
               now.how == How::kWhole ? now.message : "Document failed validation");
      else if (now.how == How::kSome && other && !ids_.contains(document.id))
        refuse(i, now.code, now.message);
      else if (!ids_.insert(document.id).second || (now.how == How::kWritten && other))
        refuse(i, 11000, "E11000 duplicate key error collection: t index: _id_ dup key");
      else
        ++stored;
    }
    bson_append_array_end(told.get(), &errors);
    if (now.how == How::kConcern) {
      Bson concern;
      concern.put("code", now.code).put("errmsg", now.message);
      BSON_APPEND_DOCUMENT(told.get(), "writeConcernError", concern.get());
    }
    return told.put("n", stored).put("ok", 1).bytes();
  }

  static std::string framed(std::int32_t request, std::int32_t op, const std::string& document) {
    // OP_REPLY: flags, cursor, from, one document. OP_MSG: flags, one section of kind 0.
    const std::string body = op == kQuery ? packed(0) + std::string(8, '\0') + packed(0) + packed(1)
                                          : packed(0) + std::string(1, '\0');
    const auto length = static_cast<std::int32_t>(kHeader + body.size() + document.size());
    return packed(length) + packed(1) + packed(request) + packed(op == kQuery ? kReply : kMessage) +
           body + document;
  }
  static bool reply(int fd, std::int32_t request, std::int32_t op, const std::string& document) {
    return write(fd, framed(request, op, document));
  }

  const std::vector<Row> script_;
  mutable std::mutex mutex_;
  std::set<std::string> ids_;
  bool has_searched_ = false;
};

}  // namespace ds
