#include "kafka/broker/durability.h"

#include "base/units.h"

namespace ds::kafka::broker {

std::string Durability::to_string() const {
  switch (mode) {
    case DurabilityMode::kSync:
      return "sync";
    case DurabilityMode::kInterval:
      return fmt::format("interval:{}", interval / kMillisecond);
    case DurabilityMode::kCache:
      return "cache";
    case DurabilityMode::kMemory:
      return "memory";
  }
  fail_check("a durability mode without a name", std::source_location::current());
}

Result<Durability> parse_durability(std::string_view text) {
  if (text == "sync") return Durability{DurabilityMode::kSync};
  if (text == "cache") return Durability{DurabilityMode::kCache};
  if (text == "memory") return Durability{DurabilityMode::kMemory};
  constexpr std::string_view kPrefix = "interval:";
  if (text.starts_with(kPrefix)) {
    std::string_view number = text.substr(kPrefix.size());
    const bool bare = number.find_first_not_of("0123456789") == number.npos;
    const auto interval = parse_duration(std::string(number) + (bare ? "ms" : ""));
    if (interval && *interval >= kMillisecond)
      return Durability{DurabilityMode::kInterval, *interval};
  }
  return Error{.code = ErrorCode::kUsage,
               .message = fmt::format("\"{}\" is no durability mode", text),
               .hint = "use sync, interval:MS (1 or more), cache or memory"};
}

}  // namespace ds::kafka::broker
