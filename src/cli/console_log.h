// Log lines on standard error, with time and level.
#pragma once

#include <mutex>

#include "base/log.h"
#include "base/result.h"

namespace ds::cli {

class ConsoleLog final : public Log {
 public:
  explicit ConsoleLog(LogLevel least) : least_(least) {}
  void write(LogLevel level, std::string_view line) override;

 private:
  const LogLevel least_;
  std::mutex mutex_;
};

Result<LogLevel> parse_log_level(std::string_view text);

}  // namespace ds::cli
