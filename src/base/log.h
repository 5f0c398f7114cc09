// A line for the operator. Rooms get a Log through their constructor; nobody logs per record.
#pragma once

#include <fmt/format.h>

#include <string_view>
#include <utility>

namespace ds {

enum class LogLevel { kDebug, kInfo, kWarn, kError };

class Log {
 public:
  virtual ~Log() = default;
  /// Threads: any. Must not be called for every record or batch.
  virtual void write(LogLevel level, std::string_view line) = 0;

  template <typename... Args>
  void debug(fmt::format_string<Args...> f, Args&&... args) {
    write(LogLevel::kDebug, fmt::format(f, std::forward<Args>(args)...));
  }
  template <typename... Args>
  void info(fmt::format_string<Args...> f, Args&&... args) {
    write(LogLevel::kInfo, fmt::format(f, std::forward<Args>(args)...));
  }
  template <typename... Args>
  void warn(fmt::format_string<Args...> f, Args&&... args) {
    write(LogLevel::kWarn, fmt::format(f, std::forward<Args>(args)...));
  }
  template <typename... Args>
  void error(fmt::format_string<Args...> f, Args&&... args) {
    write(LogLevel::kError, fmt::format(f, std::forward<Args>(args)...));
  }
};

/// For tests and for parts whose noise nobody wants.
class NoLog final : public Log {
 public:
  void write(LogLevel, std::string_view) override {}
};

}  // namespace ds
