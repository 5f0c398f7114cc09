// Beast 1.81 asserts, wrongly, when an answer's last chunk comes cut after "0\r\n"; what follows
// that assertion copes with it. (The server takes no chunks by Beast, see http_parser.h.)
#define BOOST_DISABLE_ASSERTS
#include "net/http_client.h"

#include <algorithm>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

namespace ds {

namespace http = boost::beast::http;

namespace {

constexpr std::size_t kReplyBytesMax = 64 << 20;
constexpr std::size_t kEventBytesMax = 16 << 20;

Error not_http(std::string_view why) {
  return {.code = ErrorCode::kProtocol,
          .message = fmt::format("the answer is no HTTP: {}", why),
          .hint = "check the address: is it a web server's?"};
}

/// What is left of `timeout` since it was made.
class Deadline {
 public:
  explicit Deadline(Nanos timeout) : at_(clock_.now() + timeout) {}
  Nanos left() const { return std::max<Nanos>(at_ - clock_.now(), 0); }

 private:
  SystemClock clock_;
  Nanos at_;
};

Result<std::unique_ptr<Transport>> open_and_ask(const Address& address, std::string_view method,
                                                std::string_view target, const HttpHeaders& headers,
                                                std::string_view body, const Deadline& deadline,
                                                const TlsContext* tls) {
  auto socket = connect_tcp(address, deadline.left());
  if (!socket) return std::move(socket).error();
  auto transport =
      tls ? tls->connect(std::move(*socket), address.host) : plain_transport(std::move(*socket));
  std::string request = fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", method,
                                    target, address.to_string());
  for (const auto& [name, value] : headers) request += fmt::format("{}: {}\r\n", name, value);
  if (!body.empty() || method == "POST" || method == "PUT")
    request += fmt::format("Content-Length: {}\r\n", body.size());
  request += "\r\n";
  request += body;
  if (auto sent = write_all(*transport, as_bytes(request), deadline.left()); !sent)
    return std::move(sent).error();
  return transport;
}

}  // namespace

std::optional<std::string_view> HttpReply::header(std::string_view name) const {
  for (const auto& [each, value] : headers)
    if (same_header(each, name)) return value;
  return std::nullopt;
}

Result<HttpReply> read_http_reply(Transport& transport, Nanos timeout, bool head) {
  const Deadline deadline(timeout);
  http::response_parser<http::string_body> parser;
  parser.body_limit(kReplyBytesMax);
  parser.eager(true);
  parser.skip(head);
  std::string waiting;
  std::uint8_t buffer[16 << 10];
  boost::beast::error_code error;
  while (!parser.is_done()) {
    auto got = read_some(transport, buffer, deadline.left());
    if (!got) return std::move(got).error();
    if (*got == 0 && !parser.got_some())
      return Error{.code = ErrorCode::kUnreachable,
                   .message = "the server closed the connection without an answer"};
    if (*got == 0) {
      parser.put_eof(error);
      if (error || !parser.is_done()) return not_http("it ends in the middle");
      break;
    }
    waiting.append(as_text(ByteView(buffer).first(*got)));
    waiting.erase(0, parser.put(boost::asio::buffer(waiting), error));
    if (error && error != http::error::need_more) return not_http(error.message());
  }
  auto& message = parser.get();
  HttpReply reply{.status = static_cast<int>(message.result_int())};
  for (const auto& field : message)
    reply.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
  reply.body = std::move(message.body());
  return reply;
}

Result<HttpReply> http_call(const Address& address, std::string_view method,
                            std::string_view target, const HttpHeaders& headers,
                            std::string_view body, Nanos timeout, const TlsContext* tls) {
  const Deadline deadline(timeout);
  auto transport = open_and_ask(address, method, target, headers, body, deadline, tls);
  if (!transport) return std::move(transport).error();
  return read_http_reply(**transport, deadline.left(), method == "HEAD");
}

Result<HttpEventReader> HttpEventReader::open(const Address& address, std::string_view target,
                                              const HttpHeaders& headers, Nanos timeout,
                                              const TlsContext* tls) {
  const Deadline deadline(timeout);
  auto transport = open_and_ask(address, "GET", target, headers, "", deadline, tls);
  if (!transport) return std::move(transport).error();
  HttpEventReader reader(std::move(*transport));
  std::size_t end;
  while ((end = reader.buffer_.find("\r\n\r\n")) == std::string::npos) {
    auto more = reader.fill(deadline.left());
    if (!more) return std::move(more).error();
    if (!*more) return not_http("it ends in the header");
  }
  const std::string head = reader.buffer_.substr(0, end + 2);
  reader.buffer_.erase(0, end + 4);
  if (!head.starts_with("HTTP/1.1 200 "))
    return Error{.code = ErrorCode::kRefused,
                 .message = fmt::format("{} refused the stream of events: {}", address.to_string(),
                                        head.substr(0, head.find('\r')))};
  if (head.find("\r\nContent-Type: text/event-stream\r\n") == std::string::npos)
    return not_http("no stream of events");
  return reader;
}

/// False at the end of the stream.
Result<bool> HttpEventReader::fill(Nanos timeout) {
  if (buffer_.size() > kEventBytesMax) return not_http("an event is too large");
  std::uint8_t bytes[16 << 10];
  auto got = read_some(*transport_, bytes, timeout);
  if (!got) return std::move(got).error();
  buffer_.append(as_text(ByteView(bytes).first(*got)));
  return *got > 0;
}

Result<std::optional<HttpEvent>> HttpEventReader::next(Nanos timeout) {
  const Deadline deadline(timeout);
  HttpEvent event{.name = "message"};
  bool has_data = false;
  while (true) {
    const auto end = buffer_.find('\n');
    if (end == std::string::npos) {
      auto more = fill(deadline.left());
      if (!more) return std::move(more).error();
      if (!*more) return std::optional<HttpEvent>();
      continue;
    }
    const std::string line = buffer_.substr(0, end);
    buffer_.erase(0, end + 1);
    if (line.starts_with("event: ")) event.name = line.substr(7);
    if (line.starts_with("data: ")) {
      if (std::exchange(has_data, true)) event.data += '\n';
      event.data += line.substr(6);
    }
    if (line.empty() && has_data) return std::optional(std::move(event));
  }
}

}  // namespace ds
