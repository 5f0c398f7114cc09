#include "registry/registry.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/retry_wait.h"
#include "base/varint.h"

namespace ds {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kAnswerBytesMax = 16u << 20;
constexpr std::size_t kWordsMax = 400;  // of what it says, in a message
constexpr Nanos kConnectTimeout = 5 * kSecond;
constexpr const char* kMediaType = "application/vnd.schemaregistry.v1+json";

/// The URL without "user:password@", which come back in their own fields.
std::string take_login(RegistrySettings& settings) {
  std::string url = settings.url;
  while (url.ends_with('/')) url.pop_back();
  const std::size_t slashes = url.find("://");
  if (slashes == std::string::npos) return url;
  const std::size_t host = slashes + 3, at = url.find('@', host);
  if (at == std::string::npos || at > url.find('/', host)) return url;
  const std::string login = url.substr(host, at - host);
  const std::size_t colon = std::min(login.find(':'), login.size());
  settings.user = login.substr(0, colon);
  settings.password = colon < login.size() ? login.substr(colon + 1) : "";
  return url.erase(host, at + 1 - host);
}

/// What it says of itself: {"error_code":42201,"message":"…"}.
std::string words_of(long status, const std::string& body) {
  const auto json = Json::parse(body, nullptr, false);
  if (json.is_object()) {
    const auto message = json.find("message");
    const auto code = json.find("error_code");
    if (message != json.end() && message->is_string())
      return fmt::format("{} ({}{})", message->get<std::string>().substr(0, kWordsMax), status,
                         code != json.end() && code->is_number_integer()
                             ? fmt::format(", {}", code->get<std::int64_t>())
                             : "");
  }
  const std::string_view first = std::string_view(body).substr(0, body.find('\n'));
  return first.empty() ? fmt::format("{}", status)
                       : fmt::format("{}: {}", status, first.substr(0, kWordsMax));
}

bool may_pass(long status) {
  return status == 429 || status >= 500;
}

}  // namespace

struct Registry::Curl {
  std::unique_ptr<CURL, void (*)(CURL*)> easy{curl_easy_init(), curl_easy_cleanup};
  std::unique_ptr<curl_slist, void (*)(curl_slist*)> headers{nullptr, curl_slist_free_all};
  Answer answer;
  char why[CURL_ERROR_SIZE] = "";

  static std::size_t on_body(char* data, std::size_t, std::size_t size, void* self) {
    std::string& body = static_cast<Curl*>(self)->answer.body;
    if (body.size() + size > kAnswerBytesMax) return 0;
    body.append(data, size);
    return size;
  }
  static std::size_t on_header(char* data, std::size_t, std::size_t size, void* self) {
    constexpr std::string_view kName = "retry-after:";
    const std::string_view line(data, size);
    const bool it_is = line.size() > kName.size() &&
                       std::equal(kName.begin(), kName.end(), line.begin(), [](char a, char b) {
                         return a == (b >= 'A' && b <= 'Z' ? static_cast<char>(b + 32) : b);
                       });
    if (it_is) static_cast<Curl*>(self)->answer.retry_after = line.substr(kName.size());
    return size;
  }
};

Registry::Registry(RegistrySettings settings, const Clock& clock)
    : settings_([&] {
        settings.url = take_login(settings);
        return std::move(settings);
      }()),
      clock_(clock),
      name_(settings_.url),
      random_(mix_bits(static_cast<std::uint64_t>(clock.now()))) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  curl_ = std::make_unique<Curl>();
  curl_slist* headers = nullptr;
  for (const char* name : {"Content-Type", "Accept"})
    headers = curl_slist_append(headers, fmt::format("{}: {}", name, kMediaType).c_str());
  curl_->headers.reset(headers);
}

Registry::~Registry() = default;
Registry::Registry(Registry&&) noexcept = default;

Result<Registry::Answer> Registry::once(const std::string& path, const std::string* body) {
  CURL* const easy = curl_->easy.get();
  curl_->answer = {};
  curl_easy_reset(easy);  // the connection stays
  curl_easy_setopt(easy, CURLOPT_URL, (settings_.url + path).c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(kConnectTimeout / kMillisecond));
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
                   static_cast<long>(settings_.request_timeout / kMillisecond));
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, curl_->headers.get());
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, curl_->why);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &Curl::on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, curl_.get());
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &Curl::on_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, curl_.get());
  if (!settings_.user.empty()) {
    curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
    curl_easy_setopt(easy, CURLOPT_USERNAME, settings_.user.c_str());
    curl_easy_setopt(easy, CURLOPT_PASSWORD, settings_.password.c_str());
  }
  if (!settings_.ca_file.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, settings_.ca_file.c_str());
  if (body != nullptr) {
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body->size()));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body->data());
  }
  curl_->why[0] = 0;
  const CURLcode result = curl_easy_perform(easy);
  if (result != CURLE_OK)
    return Error{
        .code = ErrorCode::kUnreachable,
        .message = fmt::format("the registry at {} cannot be reached: {}", name_,
                               curl_->why[0] != 0 ? curl_->why : curl_easy_strerror(result)),
        .hint = "is --registry right?",
        .system = static_cast<int>(result)};
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &curl_->answer.status);
  return std::move(curl_->answer);
}

/// Until it answers for good; what it refuses is an error in its words.
Result<Registry::Answer> Registry::ask(const std::string& path, const std::string* body,
                                       std::string_view what) {
  const Nanos until = clock_.now() + settings_.give_up;
  for (int attempt = 0;; ++attempt) {
    auto answer = once(path, body);
    if (answer && answer->status >= 200 && answer->status < 300) return answer;
    // Certificates, names and wrong URLs do not heal.
    const bool hopeless = answer ? !may_pass(answer->status)
                                 : answer.error().system != CURLE_COULDNT_CONNECT &&
                                       answer.error().system != CURLE_OPERATION_TIMEDOUT &&
                                       answer.error().system != CURLE_SEND_ERROR &&
                                       answer.error().system != CURLE_RECV_ERROR &&
                                       answer.error().system != CURLE_GOT_NOTHING;
    Nanos wait = retry_wait(attempt, random_);
    if (answer && !answer->retry_after.empty()) {
      std::string_view text = answer->retry_after;
      while (text.starts_with(' ')) text.remove_prefix(1);
      std::int64_t seconds = 0;
      if (std::from_chars(text.data(), text.data() + text.size(), seconds).ec == std::errc())
        wait = std::max(wait, std::clamp<Nanos>(seconds, 0, 60) * kSecond);
    }
    if (hopeless || clock_.now() + wait > until) {
      if (!answer) return std::move(answer).error().while_trying(what);
      const bool login = answer->status == 401 || answer->status == 403;
      return Error{.code = ErrorCode::kRefused,
                   .message = fmt::format("could not {}: the registry at {} answered: {}", what,
                                          name_, words_of(answer->status, answer->body)),
                   .hint = login ? "give --registry-user, and its password in "
                                   "SCHEMA_REGISTRY_PASSWORD"
                                 : ""};
    }
    std::this_thread::sleep_for(std::chrono::nanoseconds(wait));
  }
}

namespace {

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~';
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

std::string body_of(const SchemaText& schema,
                    const std::vector<RegisteredSchema::Reference>& references) {
  Json body{{"schema", schema.text}};
  if (schema.type != "AVRO") body["schemaType"] = schema.type;  // old ones know only Avro
  if (!references.empty()) {
    body["references"] = Json::array();
    for (const auto& each : references)
      body["references"].push_back(
          {{"name", each.name}, {"subject", each.subject}, {"version", each.version}});
  }
  return body.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Error strange(std::string_view name, std::string_view what) {
  return Error{.code = ErrorCode::kProtocol,
               .message = fmt::format("the registry at {} answered without {}", name, what),
               .hint = "is that a schema registry?"};
}

/// A whole number of 31 bits; 0 where there is none.
std::int32_t number_in(const Json& json, const char* name) {
  if (!json.is_object()) return 0;
  const auto found = json.find(name);
  if (found == json.end() || !found->is_number_integer()) return 0;
  const auto value = found->get<std::int64_t>();
  return value > 0 && value <= std::numeric_limits<std::int32_t>::max()
             ? static_cast<std::int32_t>(value)
             : 0;
}
std::string text_in(const Json& json, const char* name) {
  if (!json.is_object()) return {};
  const auto found = json.find(name);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

Result<std::int32_t> Registry::post(const std::string& path, const SchemaText& schema,
                                    const std::vector<RegisteredSchema::Reference>& references,
                                    std::string_view what) {
  const std::string body = body_of(schema, references);
  auto answer = ask(path, &body, what);
  if (!answer) return std::move(answer).error();
  const std::int32_t id = number_in(Json::parse(answer->body, nullptr, false), "id");
  if (id == 0) return strange(name_, "a schema's id");
  return id;
}

Result<std::vector<RegisteredSchema::Reference>> Registry::references_of(const SchemaText& schema,
                                                                         bool registering) {
  std::map<std::string, RegisteredSchema::Reference> known;
  std::vector<RegisteredSchema::Reference> all;
  for (const SchemaText::Reference& each : schema.references) {
    const SchemaText text{.type = schema.type, .text = each.text};
    std::vector<RegisteredSchema::Reference> needs;
    for (const std::string& need : each.needs)
      if (const auto found = known.find(need); found != known.end()) needs.push_back(found->second);
    const std::string what =
        fmt::format("{} the schema {}", registering ? "register" : "find", each.name);
    if (registering)
      if (auto id = post("/subjects/" + escaped(each.name) + "/versions", text, needs, what); !id)
        return std::move(id).error();
    // Which version that is, it says only to whoever looks it up.
    const std::string body = body_of(text, needs);
    auto found = ask("/subjects/" + escaped(each.name), &body, what);
    if (!found) return std::move(found).error();
    const std::int32_t version = number_in(Json::parse(found->body, nullptr, false), "version");
    if (version == 0) return strange(name_, "a schema's version");
    all.push_back(known[each.name] = {each.name, each.name, version});
  }
  return all;
}

Result<std::int32_t> Registry::register_schema(const std::string& subject,
                                               const SchemaText& schema) {
  auto references = references_of(schema, true);
  if (!references) return std::move(references).error();
  return post("/subjects/" + escaped(subject) + "/versions", schema, *references,
              fmt::format("register the schema of {}", subject));
}

Result<std::int32_t> Registry::look_up(const std::string& subject, const SchemaText& schema) {
  auto references = references_of(schema, false);
  if (!references) return std::move(references).error();
  return post("/subjects/" + escaped(subject), schema, *references,
              fmt::format("find the schema of {}", subject));
}

namespace {

Result<RegisteredSchema> schema_in(const std::string& body, const std::string& name) {
  const auto json = Json::parse(body, nullptr, false);
  if (!json.is_object() || !json.contains("schema")) return strange(name, "a schema");
  RegisteredSchema schema{.id = number_in(json, "id"),
                          .version = number_in(json, "version"),
                          .type = text_in(json, "schemaType"),
                          .text = text_in(json, "schema"),
                          .references = {}};
  if (schema.type.empty()) schema.type = "AVRO";
  if (const auto references = json.find("references"); references != json.end())
    for (const auto& each : *references)
      schema.references.push_back(
          {text_in(each, "name"), text_in(each, "subject"), number_in(each, "version")});
  return schema;
}

}  // namespace

Result<RegisteredSchema> Registry::by_id(std::int32_t id) {
  auto answer = ask(fmt::format("/schemas/ids/{}", id), nullptr, fmt::format("find schema {}", id));
  if (!answer) return std::move(answer).error();
  auto schema = schema_in(answer->body, name_);
  if (schema) schema->id = id;
  return schema;
}

Result<RegisteredSchema> Registry::version(const std::string& subject, std::int32_t version) {
  const std::string which = version == 0 ? "latest" : fmt::format("{}", version);
  auto answer = ask(fmt::format("/subjects/{}/versions/{}", escaped(subject), which), nullptr,
                    fmt::format("find the schema of {}", subject));
  if (!answer) return std::move(answer).error();
  return schema_in(answer->body, name_);
}

ByteVec confluent_frame(std::int32_t id, const SchemaText& schema) {
  ByteVec frame(5);
  store_be(frame.data() + 1, id);
  if (schema.type != "PROTOBUF") return frame;
  const auto put = [&](std::int64_t value) {
    std::uint8_t bytes[kVarintBytesMax];
    frame.insert(frame.end(), static_cast<std::uint8_t*>(bytes), put_zigzag(bytes, value));
  };
  // The file's first message is so common that it takes one zero.
  if (schema.message_index.size() == 1 && schema.message_index.front() == 0) {
    put(0);
    return frame;
  }
  put(static_cast<std::int64_t>(schema.message_index.size()));
  for (const int index : schema.message_index) put(index);
  return frame;
}

}  // namespace ds
