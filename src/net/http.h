// What HTTP messages are made of: requests, answers, events; shared by server and client.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "net/socket.h"

namespace ds {

/// Names of headers are compared without regard to case.
bool same_header(std::string_view a, std::string_view b);

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;
using HttpHeaderViews = std::vector<std::pair<std::string_view, std::string_view>>;

/// Lifetime: everything points into the connection's buffers, for the length of the handler's call;
///           a handler that answers later copies what it needs.
struct HttpRequest {
  std::string_view method;  // "GET", as sent: upper and lower case differ
  std::string_view target;  // "/api/history?range=5m"
  std::string_view path;    // "/api/history", not decoded
  std::string_view query;   // "range=5m", not decoded
  HttpHeaderViews headers;  // in the order sent
  ByteView body;
  Address peer;
  bool tls = false;

  /// The first header of that name; nothing when there is none.
  std::optional<std::string_view> header(std::string_view name) const;
  std::size_t header_count(std::string_view name) const;
  /// The decoded value of ?name=value; nothing when it is missing or badly encoded.
  std::optional<std::string> parameter(std::string_view name) const;
};

/// "%41+b" to "A+b"; nothing when a % is not followed by two hex digits. In a query a plus is a
/// space.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space = false);

/// "Not Found" for 404; "Unknown" for what has no name here.
std::string_view http_reason(int status);

/// An answer's bytes, appended to `out`. Adds Content-Length (not for 1xx, 204, 304), leaves the
/// body out for HEAD, says "Connection: close" when told to.
/// Line ends in `headers` become spaces, so that no value can smuggle a header in.
void append_http_answer(std::string& out, int status, std::string_view content_type,
                        std::string_view body, const HttpHeaders& headers, bool head, bool close);

/// One server-sent event: "event: name", a "data:" line for each line of `data`, an empty line.
std::string format_event(std::string_view name, std::string_view data);

}  // namespace ds
