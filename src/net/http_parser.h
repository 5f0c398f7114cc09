// Reads HTTP/1.1 requests out of the bytes of a connection, strictly. Sans-IO: bytes in, requests
// out, so the fuzzer and the tests need no socket.
//
// Boost.Beast's parser knows the grammar of the head. What it forgives is refused here, before it
// (bare line feeds, folded headers, NUL) and after it (a length said twice, a length beside chunks,
// anything but digits as length, any coding but chunked, no or two hosts). Bodies are taken off
// here: Beast 1.81 asserts when the last chunk comes cut after "0\r\n", and merges trailers, which
// nobody has checked, into the headers; here they are read and forgotten.
#pragma once

#include <memory>
#include <string>

#include "net/http.h"

namespace ds {

/// Threads: one.
class HttpRequestParser {
 public:
  HttpRequestParser(std::size_t header_bytes_max, std::size_t body_bytes_max);
  ~HttpRequestParser();
  HttpRequestParser(const HttpRequestParser&) = delete;
  HttpRequestParser& operator=(const HttpRequestParser&) = delete;

  enum class Step {
    kNeedMore,
    kRequest,  // request() is whole; next() goes on to the one after it
    kRefused,  // status() and reason(); the connection cannot be used any more
  };

  /// Bytes as they come; several requests may lie in them.
  void append(ByteView bytes);
  Step advance();

  /// After kRequest, until next(). The peer is the caller's to fill in.
  HttpRequest& request() { return request_; }
  bool keep_alive() const;
  void next();

  int status() const { return status_; }
  std::string_view reason() const { return reason_; }

  /// For deadlines: has the request under way begun, are its headers in, how long is its body yet?
  bool begun() const { return in_body() || buffered() > 0; }
  bool in_body() const { return in_body_; }
  std::size_t body_bytes() const { return body_.size(); }
  /// The client waits for "100 Continue" before it sends the body.
  bool awaits_continue() const { return in_body_ && expects_continue_ && body_bytes() == 0; }
  void continued() { expects_continue_ = false; }
  /// Bytes appended and not read yet.
  std::size_t buffered() const { return buffer_.size() - begin_; }

 private:
  struct Beast;  // its headers compile slowly, so they stay in the .cc

  enum class Chunk : std::uint8_t { kSize, kData, kDataEnd, kTrailer };

  bool find_head_end();
  bool read_head();
  bool check_head();
  bool read_body();
  bool read_chunks();
  bool read_chunk_size(std::string_view line);
  bool take_body();
  std::optional<std::string_view> find_line();
  void refuse(int status, std::string_view reason);
  void consume(std::size_t bytes);

  const std::size_t header_bytes_max_;
  const std::size_t body_bytes_max_;
  std::unique_ptr<Beast> beast_;
  std::string buffer_;
  std::size_t begin_ = 0;    // of what is not read yet
  std::size_t scanned_ = 0;  // of the head or line under way, from begin_ on
  std::size_t line_ = 0;     // length of its line under way
  std::string head_;         // what request_ points into
  HttpRequest request_;
  std::string body_;
  std::uint64_t body_left_ = 0;  // of the body, or of the chunk under way
  bool chunked_ = false;
  Chunk chunk_ = Chunk::kSize;
  std::size_t trailer_bytes_ = 0;
  bool in_body_ = false;
  bool complete_ = false;
  bool expects_continue_ = false;
  int status_ = 0;
  std::string_view reason_;
};

}  // namespace ds
