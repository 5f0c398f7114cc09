// When an append counts as safe: printed beside every figure that depends on it.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace ds::kafka::broker {

enum class DurabilityMode {
  kSync,      // on the disk (fdatasync) before the reply; survives power loss
  kInterval,  // written before the reply, on the disk every so often
  kCache,     // written before the reply: survives the process, not the power
  kMemory,    // gone with the process
};

struct Durability {
  DurabilityMode mode = DurabilityMode::kCache;
  Nanos interval = 0;  // of kInterval

  std::string to_string() const;  // as parse_durability() reads it
  bool operator==(const Durability&) const = default;
};

/// "sync", "interval:200" (milliseconds; "interval:1s" too), "cache" or "memory".
Result<Durability> parse_durability(std::string_view text);

}  // namespace ds::kafka::broker
