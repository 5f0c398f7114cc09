#include "sink/mongo_client.h"

#include <mutex>

#include "sink/make_sink.h"

namespace ds {
namespace {

void start_mongoc() {
  static std::once_flag once;
  std::call_once(once, [] {
    mongoc_init();
    // It would write onto standard error by itself.
    mongoc_log_set_handler([](mongoc_log_level_t, const char*, const char*, void*) {}, nullptr);
  });
}

}  // namespace

Result<MongoClient> MongoClient::open(const std::string& url, const SinkSettings& settings,
                                      Nanos answer_within) {
  start_mongoc();
  bson_error_t error{};
  const std::unique_ptr<mongoc_uri_t, decltype(&mongoc_uri_destroy)> uri(
      mongoc_uri_new_with_error(url.c_str(), &error), &mongoc_uri_destroy);
  if (!uri && error.domain == MONGOC_ERROR_CLIENT)  // mongoc_on_demand.cc says so
    return Error{.code = ErrorCode::kUsage,
                 .message = fmt::format("MongoDB cannot be spoken to: {}", error.message),
                 .hint = "apt install libmongoc-1.0-0"};
  if (!uri)
    return Error{.code = ErrorCode::kUsage,
                 .message = fmt::format("'{}' is no address of MongoDB: {}", without_password(url),
                                        error.message),
                 .hint = "mongodb://HOST:27017/DATABASE, after --sink mongo: or in MONGO_URL"};
  const auto unless_said = [&](const char* option, Nanos time) {
    if (!mongoc_uri_has_option(uri.get(), option))
      mongoc_uri_set_option_as_int32(uri.get(), option,
                                     static_cast<std::int32_t>(time / kMillisecond));
  };
  unless_said(MONGOC_URI_SOCKETTIMEOUTMS, answer_within);
  unless_said(MONGOC_URI_CONNECTTIMEOUTMS, settings.request_timeout);
  unless_said(MONGOC_URI_SERVERSELECTIONTIMEOUTMS, settings.request_timeout);
  mongoc_client_t* opened = mongoc_client_new_from_uri_with_error(uri.get(), &error);
  if (opened == nullptr)
    return Error{.code = ErrorCode::kUsage,
                 .message = fmt::format("{}: {}", without_password(url), error.message)};
  mongoc_client_set_error_api(opened, MONGOC_ERROR_API_VERSION_2);
  mongoc_client_set_appname(opened, "datastorm");
  const char* database = mongoc_uri_get_database(uri.get());
  MongoClient client(opened, without_password(url), database == nullptr ? "brandpulse" : database);
  if (auto alive = client.ping(); !alive) return std::move(alive).error();
  return client;
}

std::size_t MongoClient::documents_at_once(std::size_t otherwise) const {
  bson_t command = BSON_INITIALIZER, answer;
  BSON_APPEND_INT32(&command, "isMaster", 1);
  bson_error_t error;
  bson_iter_t at;
  std::int64_t most = 0;
  if (mongoc_client_command_simple(get(), database_.c_str(), &command, nullptr, &answer, &error) &&
      bson_iter_init_find(&at, &answer, "maxWriteBatchSize") && BSON_ITER_HOLDS_NUMBER(&at))
    most = bson_iter_as_int64(&at);
  bson_destroy(&answer);
  bson_destroy(&command);
  return most > 0 ? static_cast<std::size_t>(most) : otherwise;
}

Status MongoClient::ping() const {
  bson_t command = BSON_INITIALIZER;
  BSON_APPEND_INT32(&command, "ping", 1);
  bson_error_t error;
  const bool alive =
      mongoc_client_command_simple(get(), database_.c_str(), &command, nullptr, nullptr, &error);
  bson_destroy(&command);
  if (alive) return Done{};
  const bool login = error.domain == MONGOC_ERROR_CLIENT || error.code == 18 || error.code == 13;
  return Error{.code = login ? ErrorCode::kRefused : ErrorCode::kUnreachable,
               .message = fmt::format("{}: {}", name_, error.message),
               .hint = "check the address, user and password in MONGO_URL"};
}

}  // namespace ds
