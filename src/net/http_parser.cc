#include "net/http_parser.h"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <charconv>
#include <cstring>
#include <utility>

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

constexpr std::size_t kBodyKept = 64 << 10;  // memory of the last body, for the next

/// Whether one of eight bytes is below 14, as CR and LF are, and little else in a head.
bool has_line_end(const char* eight) {
  constexpr std::uint64_t kEach = 0x0101010101010101ULL;
  std::uint64_t word;
  std::memcpy(&word, eight, 8);
  return ((word - 14 * kEach) & ~word & 128 * kEach) != 0;
}

}  // namespace

/// Beast's grammar of the head, with views into it instead of copies.
struct HttpRequestParser::Beast final : http::basic_parser<true> {
  explicit Beast(HttpRequest& request_to_fill) : request(request_to_fill) {
    header_limit(1 << 20);  // our own limits come first
    body_limit(boost::none);
  }

  void on_request_impl(http::verb, string_view method, string_view target, int version_said,
                       error_code&) override {
    request.method = to_std(method);
    request.target = to_std(target);
    version = version_said;
  }
  void on_field_impl(http::field, string_view name, string_view value, error_code&) override {
    request.headers.emplace_back(to_std(name), to_std(value));
  }
  void on_response_impl(int, string_view, int, error_code&) override {}
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(string_view, error_code&) override { return 0; }
  void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, string_view, error_code&) override { return 0; }
  void on_finish_impl(error_code&) override {}

  HttpRequest& request;
  int version = 0;  // 10 or 11
};

HttpRequestParser::HttpRequestParser(std::size_t header_bytes_max, std::size_t body_bytes_max)
    : header_bytes_max_(header_bytes_max), body_bytes_max_(body_bytes_max) {
  next();
}
HttpRequestParser::~HttpRequestParser() = default;

void HttpRequestParser::append(ByteView bytes) {
  buffer_.append(as_text(bytes));
}

bool HttpRequestParser::keep_alive() const {
  return beast_->keep_alive();
}

void HttpRequestParser::next() {
  request_.headers.clear();
  request_.body = {};
  head_.clear();
  beast_ = std::make_unique<Beast>(request_);
  body_.clear();
  if (body_.capacity() > kBodyKept) body_.shrink_to_fit();
  body_left_ = scanned_ = line_ = trailer_bytes_ = 0;
  chunk_ = Chunk::kSize;
  in_body_ = complete_ = expects_continue_ = false;
}

HttpRequestParser::Step HttpRequestParser::advance() {
  if (status_ != 0) return Step::kRefused;
  if (complete_) return Step::kRequest;
  const bool whole = (in_body_ || (find_head_end() && read_head() && check_head())) && read_body();
  if (status_ != 0) return Step::kRefused;
  if (!whole) return Step::kNeedMore;
  complete_ = true;
  request_.body = as_bytes(body_);
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
    for (; line_ > 0 && text[scanned_ - 1] != '\r' && scanned_ + 8 < size &&
           !has_line_end(text + scanned_);
         scanned_ += 8)
      line_ += 8;
    const char c = text[scanned_];
    const char before = scanned_ > 0 ? text[scanned_ - 1] : '\0';
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
  consume(std::exchange(scanned_, 0));
  error_code error;
  const std::size_t used = beast_->put(boost::asio::buffer(head_), error);
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
  if (codings > 0 && is_1_0) return refuse(400, "HTTP/1.0 knows no chunks"), false;
  if (hosts > 1 || (hosts == 0 && !is_1_0)) return refuse(400, "one Host is needed"), false;
  const std::string_view target = request_.target;
  if (!target.starts_with('/') && target != "*")
    return refuse(400, "the target must be a path"), false;
  const auto question = target.find('?');
  request_.path = target.substr(0, question);
  request_.query = question == target.npos ? "" : target.substr(question + 1);
  chunked_ = codings > 0;
  body_left_ = beast_->content_length().value_or(0);
  if (body_left_ > body_bytes_max_) return refuse(413, "the body is too large"), false;
  return true;
}

bool HttpRequestParser::read_body() {
  return chunked_ ? read_chunks() : take_body();
}

/// Moves what is there of body_left_; true when that is all of it.
bool HttpRequestParser::take_body() {
  const std::size_t bytes = std::min<std::uint64_t>(body_left_, buffered());
  body_.append(buffer_, begin_, bytes);
  consume(bytes);
  body_left_ -= bytes;
  return body_left_ == 0;
}

/// "3;extension" "abc" "0" "Trailer: x" "", each with CR LF after it (RFC 9112, 7.1).
bool HttpRequestParser::read_chunks() {
  while (true) {
    if (chunk_ == Chunk::kData) {
      if (!take_body()) return false;
      chunk_ = Chunk::kDataEnd;
    }
    const auto line = find_line();
    if (!line) return false;
    switch (chunk_) {
      case Chunk::kSize:
        if (!read_chunk_size(*line)) return false;
        chunk_ = body_left_ > 0 ? Chunk::kData : Chunk::kTrailer;
        break;
      case Chunk::kDataEnd:
        if (!line->empty()) return refuse(400, "a chunk is longer than it says"), false;
        chunk_ = Chunk::kSize;
        break;
      case Chunk::kTrailer:
        trailer_bytes_ += line->size() + 2;
        if (trailer_bytes_ > header_bytes_max_) return refuse(431, "too many trailers"), false;
        if (line->empty()) return consume(2), true;
        break;
      case Chunk::kData:
        break;  // done above
    }
    consume(line->size() + 2);
  }
}

bool HttpRequestParser::read_chunk_size(std::string_view line) {
  const std::string_view digits = line.substr(0, line.find(';'));
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), body_left_, 16);
  if (error != std::errc{} || end != digits.data() + digits.size())
    return refuse(400, "the size of a chunk is no number"), false;
  if (body_left_ > body_bytes_max_ - body_.size())
    return refuse(413, "the body is too large"), false;
  return true;
}

/// The next line without its end, which stays to be consumed; each byte is looked at once.
std::optional<std::string_view> HttpRequestParser::find_line() {
  const std::string_view text(buffer_.data() + begin_, std::min(buffered(), header_bytes_max_));
  for (; scanned_ < text.size(); ++scanned_) {
    const bool after_return = scanned_ > 0 && text[scanned_ - 1] == '\r';
    if (text[scanned_] == '\0' || (text[scanned_] == '\n') != after_return)
      return refuse(400, "the chunks are broken"), std::nullopt;
    if (after_return) return text.substr(0, std::exchange(scanned_, 0) - 1);
  }
  if (scanned_ == header_bytes_max_) refuse(431, "a line among the chunks is too long");
  return std::nullopt;
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
