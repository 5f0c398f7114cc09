#include "net/http_parser.h"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>

namespace ds {

namespace http = boost::beast::http;
using boost::beast::error_code;
using boost::beast::string_view;

namespace {

std::string_view to_std(string_view text) {
  return {text.data(), text.size()};
}

bool is_digits(std::string_view text) {
  return !text.empty() && text.size() <= 18 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

/// Beast's grammar; our storage: views into the head, and a body that keeps its memory.
struct HttpRequestParser::Beast final : http::basic_parser<true> {
  Beast(HttpRequest& request_to_fill, std::size_t body_bytes_max) : request(request_to_fill) {
    header_limit(1 << 20);  // our own limit comes first
    body_limit(body_bytes_max);
  }

  void on_request_impl(http::verb, string_view method, string_view target, int version_said,
                       error_code&) override {
    request.method = to_std(method);
    request.target = to_std(target);
    version = version_said;
  }
  void on_response_impl(int, string_view, int, error_code&) override {}
  void on_field_impl(http::field, string_view name, string_view value, error_code&) override {
    // After the head only trailers come. Nobody has checked those, and they lie elsewhere.
    if (!head_done) request.headers.emplace_back(to_std(name), to_std(value));
  }
  void on_header_impl(error_code&) override { head_done = true; }
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(string_view bytes, error_code&) override {
    body.append(bytes.data(), bytes.size());
    return bytes.size();
  }
  void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, string_view bytes, error_code& error) override {
    return on_body_impl(bytes, error);
  }
  void on_finish_impl(error_code&) override {}

  HttpRequest& request;
  int version = 0;  // 10 or 11
  bool head_done = false;
  std::string body;
};

HttpRequestParser::HttpRequestParser(std::size_t header_bytes_max, std::size_t body_bytes_max)
    : header_bytes_max_(header_bytes_max), body_bytes_max_(body_bytes_max) {
  next();
}
HttpRequestParser::~HttpRequestParser() = default;

void HttpRequestParser::append(ByteView bytes) {
  buffer_.append(as_text(bytes));
}

std::size_t HttpRequestParser::body_bytes() const {
  return beast_->body.size();
}

bool HttpRequestParser::keep_alive() const {
  return beast_->keep_alive();
}

void HttpRequestParser::next() {
  request_.headers.clear();
  request_.body = {};
  head_.clear();
  beast_ = std::make_unique<Beast>(request_, body_bytes_max_);
  scanned_ = line_ = 0;
  in_body_ = complete_ = expects_continue_ = false;
}

HttpRequestParser::Step HttpRequestParser::advance() {
  if (status_ != 0) return Step::kRefused;
  if (complete_) return Step::kRequest;
  const bool whole = (in_body_ || (find_head_end() && read_head() && check_head())) && read_body();
  if (status_ != 0) return Step::kRefused;
  if (!whole) return Step::kNeedMore;
  complete_ = true;
  request_.body = as_bytes(beast_->body);
  return Step::kRequest;
}

/// Looks at each byte once, however slowly they come.
bool HttpRequestParser::find_head_end() {
  // Empty lines before a request are left over from some clients' last body (RFC 9112, 2.2).
  while (scanned_ == 0 && buffer_.compare(begin_, 2, "\r\n") == 0) consume(2);
  if (scanned_ == 0 && buffer_.compare(begin_, std::string::npos, "\r") == 0) return false;
  const char* const text = buffer_.data() + begin_;
  const std::size_t size = std::min(buffered(), header_bytes_max_);
  for (; scanned_ < size; ++scanned_) {
    const char c = text[scanned_];
    const char before = scanned_ > 0 ? text[scanned_ - 1] : '\0';
    if (c == '\0') return refuse(400, "there is a NUL in the header"), false;
    if ((c == '\n') != (before == '\r')) return refuse(400, "lines must end with CR and LF"), false;
    if (line_ == 0 && (c == ' ' || c == '\t'))
      return refuse(400, "folded header lines are not accepted"), false;
    if (c != '\r' && c != '\n') ++line_;
    if (c != '\n') continue;
    if (line_ == 0) return ++scanned_, true;
    line_ = 0;
  }
  if (size == header_bytes_max_) refuse(431, "the header is too large");
  return false;
}

bool HttpRequestParser::read_head() {
  head_.assign(buffer_, begin_, scanned_);
  consume(scanned_);
  error_code error;
  const std::size_t used = beast_->put(boost::asio::buffer(head_), error);
  if (error == http::error::body_limit) return refuse(413, "the body is too large"), false;
  if (error == http::error::bad_version) return refuse(505, "only HTTP/1.0 and 1.1"), false;
  if (error && error != http::error::need_more)
    return refuse(400, "this is not a well-formed request"), false;
  if (used != head_.size() || !beast_->is_header_done())
    return refuse(400, "this is not a well-formed header"), false;
  return in_body_ = true;
}

/// What Beast lets pass and two servers could read differently.
bool HttpRequestParser::check_head() {
  std::size_t lengths = 0;
  std::size_t codings = 0;
  std::size_t hosts = 0;
  for (const auto& [name, value] : request_.headers) {
    if (same_header(name, "Content-Length")) {
      ++lengths;
      if (!is_digits(value)) return refuse(400, "Content-Length is no number"), false;
    } else if (same_header(name, "Transfer-Encoding")) {
      ++codings;
      if (!same_header(value, "chunked"))
        return refuse(501, "no Transfer-Encoding but chunked is known"), false;
    } else if (same_header(name, "Host")) {
      ++hosts;
    } else if (same_header(name, "Expect")) {
      if (!same_header(value, "100-continue")) return refuse(417, "unknown expectation"), false;
      expects_continue_ = true;
    }
  }
  const bool is_1_0 = beast_->version == 10;
  if (lengths > 1) return refuse(400, "the length is said twice"), false;
  if (codings > 1 || (codings == 1 && lengths == 1))
    return refuse(400, "the body's length is said in two ways"), false;
  if (codings == 1 && is_1_0) return refuse(400, "HTTP/1.0 knows no chunks"), false;
  if (hosts > 1 || (hosts == 0 && !is_1_0)) return refuse(400, "one Host is needed"), false;
  const std::string_view target = request_.target;
  if (!target.starts_with('/') && target != "*")
    return refuse(400, "the target must be a path"), false;
  const auto question = target.find('?');
  request_.path = target.substr(0, question);
  request_.query = question == target.npos ? "" : target.substr(question + 1);
  return true;
}

bool HttpRequestParser::read_body() {
  error_code error;
  while (!beast_->is_done() && buffered() > 0) {
    const std::size_t used =
        beast_->put(boost::asio::const_buffer(buffer_.data() + begin_, buffered()), error);
    consume(used);
    if (error == http::error::need_more) {
      // Only a chunk's header or the trailers are kept until they are whole.
      if (buffered() >= header_bytes_max_) refuse(431, "a chunk's header is too large");
      return false;
    }
    if (error == http::error::body_limit) return refuse(413, "the body is too large"), false;
    if (error) return refuse(400, "the chunks are broken"), false;
  }
  return beast_->is_done();
}

void HttpRequestParser::refuse(int status, std::string_view reason) {
  status_ = status;
  reason_ = reason;
}

void HttpRequestParser::consume(std::size_t bytes) {
  begin_ += bytes;
  if (begin_ == buffer_.size()) {
    buffer_.clear();
    begin_ = 0;
  } else if (begin_ > (64 << 10)) {
    buffer_.erase(0, begin_);
    begin_ = 0;
  }
}

}  // namespace ds
