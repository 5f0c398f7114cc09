// A small blocking HTTP client, for `monitor`, health checks and tests. Stores and the schema
// registry are spoken to through libcurl.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "net/http.h"
#include "net/tls.h"

namespace ds {

struct HttpReply {
  int status = 0;
  HttpHeaders headers;
  std::string body;

  std::optional<std::string_view> header(std::string_view name) const;
};

/// One request on a connection of its own. Any status is a reply; an Error means there was none.
/// Threads: any; blocks up to `timeout`.
Result<HttpReply> http_call(const Address& address, std::string_view method,
                            std::string_view target, const HttpHeaders& headers = {},
                            std::string_view body = {}, Nanos timeout = 10 * kSecond,
                            const TlsContext* tls = nullptr);

/// Reads an answer that came in one piece, from its first byte to the connection's end or the
/// length it names.
Result<HttpReply> read_http_reply(Transport& transport, Nanos timeout, bool head = false);

struct HttpEvent {
  std::string name;  // "message" when the server gave none
  std::string data;
};

/// A viewer of server-sent events.
class HttpEventReader {
 public:
  static Result<HttpEventReader> open(const Address& address, std::string_view target,
                                      const HttpHeaders& headers = {}, Nanos timeout = 10 * kSecond,
                                      const TlsContext* tls = nullptr);

  /// The next event, or nothing when the server has ended the stream; comments are skipped.
  Result<std::optional<HttpEvent>> next(Nanos timeout);

 private:
  explicit HttpEventReader(std::unique_ptr<Transport> transport)
      : transport_(std::move(transport)) {}
  Result<bool> fill(Nanos timeout);

  std::unique_ptr<Transport> transport_;
  std::string buffer_;
};

}  // namespace ds
