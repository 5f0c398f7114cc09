#include "cli/console_log.h"

#include <ctime>

namespace ds::cli {
namespace {

constexpr std::string_view kNames[] = {"debug", "info", "warn", "error"};

}  // namespace

void ConsoleLog::write(LogLevel level, std::string_view line) {
  if (level < least_) return;
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  char time[16];
  std::strftime(time, sizeof time, "%H:%M:%S", &local);
  const std::lock_guard lock(mutex_);
  fmt::print(stderr, "{} {:<5} {}\n", time, kNames[static_cast<int>(level)], line);
}

Result<LogLevel> parse_log_level(std::string_view text) {
  for (int i = 0; i < 4; ++i)
    if (text == kNames[i]) return static_cast<LogLevel>(i);
  return Error{.code = ErrorCode::kUsage,
               .message = fmt::format("'{}' is not a log level", text),
               .hint = "debug, info, warn or error"};
}

}  // namespace ds::cli
