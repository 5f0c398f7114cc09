// A topic to be read back, for `verify` and for a run that goes on.
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "base/log.h"
#include "kafka/client/admin.h"
#include "ledger/verify.h"

namespace ds::cli {

/// Where a topic is read. Lifetime: borrows all.
struct TopicReading {
  const kafka::ClientSettings& client;
  const Clock& clock;
  Log& log;
  bool read_committed = true;
};

/// From the topic's start, or from the first record that is not older than `since_ms`, to the end
/// that it has now.
Result<TopicStage> topic_stage(kafka::Admin& admin, const TopicReading& reading,
                               const std::string& topic,
                               std::optional<std::int64_t> since_ms = std::nullopt);

}  // namespace ds::cli
