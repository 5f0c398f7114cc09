// A topic read whole by our source, from where its log begins: only the batches' headers are looked
// at.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"
#include "net/socket.h"

namespace ds {

struct ReadBack {
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
  double seconds = 0;
};

/// An error when fewer come than lie there.
Result<ReadBack> read_back(const std::vector<Address>& brokers, const std::string& topic,
                           const Clock& clock, Log& log);

}  // namespace ds
