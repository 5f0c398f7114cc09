// The dashboard's files as they lie inside the program, embedded at build time.
#pragma once

#include <span>
#include <string_view>

namespace ds::web_assets {

/// One file of the page. Both bodies hold the same content, so they share one weak ETag: answer
/// with `ETag`, `Cache-Control: no-cache` and `Vary: Accept-Encoding`, and 304 to its echo.
///
/// Lifetime: views into the program's read-only data; they never die.
struct Asset {
  std::string_view path;          // "/main.js"; the page itself is "/index.html" (serve it at "/")
  std::string_view content_type;  // with its charset
  std::string_view etag;          // with its quotes: W/"3f5a…"
  std::string_view body;
  std::string_view gzip_body;  // empty when there is no compressed form
};

std::span<const Asset> all();

}  // namespace ds::web_assets
