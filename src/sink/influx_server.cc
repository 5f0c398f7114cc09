#include "sink/influx_server.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "sink/line_poster.h"

namespace ds {
namespace {

constexpr std::size_t kWordsMax = 4 << 10;  // of what a refusal says
constexpr long kConnectTimeoutMs = 5000;
constexpr long kSilenceSeconds = 120;  // a server may think before its first row

/// What an answer is read by.
struct Hearing {
  CURL* easy;
  CsvReader csv;
  std::string refusal;
  bool stopped = false;

  static std::size_t on_body(char* data, std::size_t one, std::size_t count, void* self) {
    Hearing& hearing = *static_cast<Hearing*>(self);
    const std::string_view piece(data, one * count);
    long status = 0;
    curl_easy_getinfo(hearing.easy, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200) {
      hearing.refusal += piece.substr(0, kWordsMax - std::min(kWordsMax, hearing.refusal.size()));
      return piece.size();
    }
    if (hearing.csv.feed(piece)) return piece.size();
    hearing.stopped = true;
    return 0;
  }
};

Error refused(const InfluxServer& server, long status, const std::string& words) {
  Error error{.code = ErrorCode::kRefused,
              .message = fmt::format("{} answered {}", server.url, influx_message(words, status))};
  if (status == 401 || status == 403)
    error.hint = "give a token that may read, in INFLUX_TOKEN";
  else if (status == 404)
    error.hint = "check --influx-org and --influx-bucket; for 1.x: influx1:URL";
  return error;
}

}  // namespace

std::string percent_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~';
    if (plain)
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

Result<InfluxServer> InfluxServer::from(InfluxApi api, std::string url,
                                        const SinkSettings& settings) {
  while (url.ends_with('/')) url.pop_back();
  if (!url.starts_with("http://") && !url.starts_with("https://"))
    return Error{.code = ErrorCode::kUsage,
                 .message = fmt::format("'{}' is no address of InfluxDB", url),
                 .hint = "http://HOST:8086, after --sink influx: or in INFLUX_URL"};
  if (settings.influx_bucket.empty())
    return Error{.code = ErrorCode::kUsage,
                 .message = "InfluxDB needs a bucket",
                 .hint = "--influx-bucket, or INFLUX_BUCKET"};
  InfluxServer server{.api = api,
                      .url = std::move(url),
                      .org = settings.influx_org,
                      .request_timeout = settings.request_timeout};
  if (api == InfluxApi::kV1 && !settings.influx_user.empty()) {
    server.user = settings.influx_user;
    server.password = settings.influx_token;
  } else if (!settings.influx_token.empty()) {
    server.authorization = "Token " + settings.influx_token;
  }
  return server;
}

std::string InfluxServer::write_url(const std::string& bucket) const {
  if (api == InfluxApi::kV1)
    return fmt::format("{}/write?db={}&precision=ns", url, percent_encoded(bucket));
  return fmt::format("{}/api/v2/write?org={}&bucket={}&precision=ns", url, percent_encoded(org),
                     percent_encoded(bucket));
}

std::string InfluxServer::query_url(const std::string& bucket, std::string_view question) const {
  return fmt::format("{}/query?db={}&epoch=ns&chunked=true&q={}", url, percent_encoded(bucket),
                     percent_encoded(question));
}

std::string InfluxServer::flux_url() const {
  return fmt::format("{}/api/v2/query?org={}", url, percent_encoded(org));
}

// ---- Comma-separated values

void CsvReader::begin_cell() {
  if (cells_.size() == count_) cells_.emplace_back();
  cells_[count_++].clear();
}

bool CsvReader::end_row() {
  cells_.resize(count_);
  count_ = 0;
  return row_(cells_);
}

bool CsvReader::feed(std::string_view piece) {
  for (const char c : piece) {
    if (count_ == 0) {
      if (c == '\n' || c == '\r') continue;  // an empty line is no row
      begin_cell();
    }
    std::string& cell = cells_[count_ - 1];
    if (state_ == State::kQuoted) {
      if (c == '"')
        state_ = State::kQuote;
      else
        cell += c;
    } else if (c == '"') {
      if (state_ == State::kQuote) cell += c;  // two of them stand for one
      state_ = State::kQuoted;
    } else {
      state_ = State::kPlain;
      if (c == ',')
        begin_cell();
      else if (c != '\n' && c != '\r')
        cell += c;
      else if (c == '\n' && !end_row())
        return false;
    }
  }
  return true;
}

Status ask_influx(const InfluxServer& server, const std::string& url, const std::string* flux,
                  const std::function<bool(const CsvReader::Row&)>& row) {
  start_curl();
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> easy(curl_easy_init(),
                                                                 &curl_easy_cleanup);
  check(easy != nullptr, "libcurl starts");
  Hearing hearing{.easy = easy.get(), .csv = CsvReader(row), .refusal = {}};
  curl_slist* headers = nullptr;
  const auto add = [&](const std::string& line) {
    headers = curl_slist_append(headers, line.c_str());
  };
  add("Accept: application/csv");
  if (!server.authorization.empty()) add("Authorization: " + server.authorization);
  const auto set = [&](CURLoption option, auto value) {
    curl_easy_setopt(easy.get(), option, value);
  };
  set(CURLOPT_URL, url.c_str());
  if (flux != nullptr) {
    add("Content-Type: application/vnd.flux");
    set(CURLOPT_POST, 1L);
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(flux->size()));
    set(CURLOPT_POSTFIELDS, flux->c_str());
  }
  set(CURLOPT_HTTPHEADER, headers);
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_CONNECTTIMEOUT_MS, kConnectTimeoutMs);
  set(CURLOPT_LOW_SPEED_LIMIT, 1L);
  set(CURLOPT_LOW_SPEED_TIME, kSilenceSeconds);
  set(CURLOPT_WRITEFUNCTION, &Hearing::on_body);
  set(CURLOPT_WRITEDATA, static_cast<void*>(&hearing));
  if (!server.user.empty()) {
    set(CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
    set(CURLOPT_USERNAME, server.user.c_str());
    set(CURLOPT_PASSWORD, server.password.c_str());
  }
  const CURLcode result = curl_easy_perform(easy.get());
  curl_slist_free_all(headers);
  if (hearing.stopped) return Done{};
  if (result != CURLE_OK)
    return Error{
        .code = ErrorCode::kUnreachable,
        .message = fmt::format("{} does not answer: {}", server.url, curl_easy_strerror(result)),
        .hint = "check its address, and that it runs"};
  long status = 0;
  curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &status);
  if (status != 200) return refused(server, status, hearing.refusal);
  const char* type = nullptr;
  curl_easy_getinfo(easy.get(), CURLINFO_CONTENT_TYPE, &type);
  if (type == nullptr || std::string_view(type).find("csv") == std::string_view::npos)
    return Error{
        .code = ErrorCode::kProtocol,
        .message = fmt::format("{} does not answer questions as InfluxDB does", server.url),
        .hint = "what it holds cannot be read back"};
  return Done{};
}

std::string flux_text(const std::string& text) {
  std::string out = nlohmann::json(text).dump();
  for (std::size_t at = 0; (at = out.find("${", at)) != std::string::npos; at += 3)
    out.insert(at, 1, '\\');  // else it would be an expression
  return out;
}

Status ask_flux(const InfluxServer& server, const std::string& question,
                std::span<const std::string_view> columns,
                const std::function<bool(std::span<const std::string_view>)>& cells) {
  std::vector<std::size_t> at;  // of the columns, by the last header
  std::vector<std::string_view> row_cells(columns.size());
  std::string failed;
  const auto asked =
      ask_influx(server, server.flux_url(), &question, [&](const CsvReader::Row& row) {
        if (row.size() > 1 && row[1] == "error") return true;  // its reason is in the next row
        if (row.size() > 2 && row[1] == "result" && row[2] == "table") {  // a table's header
          at.clear();
          for (const std::string_view name : columns)
            at.push_back(static_cast<std::size_t>(std::ranges::find(row, name) - row.begin()));
          return true;
        }
        bool readable = !at.empty() && std::ranges::max(at) < row.size();
        for (std::size_t i = 0; readable && i < at.size(); ++i) row_cells[i] = row[at[i]];
        if (readable && cells(row_cells)) return true;
        failed = row.size() > 1 ? row[1] : row[0];
        return false;
      });
  if (!asked) return asked;
  if (failed.empty()) return Done{};
  return Error{.code = ErrorCode::kProtocol,
               .message = fmt::format("{} said: {}", server.url, failed)};
}

}  // namespace ds
