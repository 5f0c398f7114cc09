// A connection to MongoDB, and what both who writes and who reads it back need.
#pragma once

#include <mongoc/mongoc.h>

#include <memory>
#include <string>

#include "base/result.h"
#include "sink/sink_settings.h"

namespace ds {

/// Threads: one.
class MongoClient {
 public:
  /// For who reads: the server sorts and counts all there is before it says the first word.
  static constexpr Nanos kReadWithin = 600 * kSecond;

  /// Asks the server for a ping. The URL is MongoDB's own, its path names the database
  /// ("brandpulse" where it names none). An answer may take as long as its socketTimeoutMS says,
  /// else `answer_within`; to connect, as long as a request.
  static Result<MongoClient> open(const std::string& url, const SinkSettings& settings,
                                  Nanos answer_within);

  mongoc_client_t* get() const { return client_.get(); }
  const std::string& name() const { return name_; }  // the URL without its password
  const std::string& database() const { return database_; }
  /// How many documents the server takes in one command; `otherwise` where it does not say.
  std::size_t documents_at_once(std::size_t otherwise) const;

 private:
  struct Destroy {
    void operator()(mongoc_client_t* client) const { mongoc_client_destroy(client); }
  };
  MongoClient(mongoc_client_t* client, std::string name, std::string database)
      : client_(client), name_(std::move(name)), database_(std::move(database)) {}
  Status ping() const;

  std::unique_ptr<mongoc_client_t, Destroy> client_;
  std::string name_, database_;
};

}  // namespace ds
