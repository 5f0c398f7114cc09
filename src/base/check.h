// check(): what must not happen stops the program, with the values that show why.
#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <source_location>
#include <string_view>

namespace ds {

[[noreturn]] inline void fail_check(std::string_view what, std::source_location at) {
  fmt::print(stderr, "datastorm: internal error: {} ({}:{})\n", what, at.file_name(), at.line());
  std::fflush(stderr);
  std::abort();
}

/// Stays on in release builds: cheap conditions only.
inline void check(bool holds, std::string_view what,
                  std::source_location at = std::source_location::current()) {
  if (!holds) [[unlikely]]
    fail_check(what, at);
}

}  // namespace ds
