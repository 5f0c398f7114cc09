// What a webhook's body asks for: records, and the topic each goes to.
//
//   {"event":"package:publish","payload":{"topic":"readings","data":21.4,…}}   the payload is
//   stored
//   {"data":21.4,"timestamp_producer":…,"producer_id":7,"sequence":12}        stored as it is
//
// as application/json (one) or application/x-ndjson (one a line). The record's value are the bytes
// as they came. Without a topic it goes to the first topic of the list.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace ds {

struct HookEvent {
  std::uint32_t topic = 0;     // its place in the list
  std::int64_t producer = -1;  // a reading's producer_id, which keeps to one partition
  ByteView value;              // points into the body
};

struct HookRefusal {
  int status = 400;
  std::string why;
};

enum class HookFormat { kJson, kLines };
/// Nothing when it is neither; without the header it is JSON.
std::optional<HookFormat> hook_format(std::optional<std::string_view> content_type);

/// 1 to 249 of a-z A-Z 0-9 . _ -, but neither . nor .. (Kafka's rule).
bool may_be_topic(std::string_view name);

/// Threads: one. Cost: one pass over the body; what is not a flat object of plain values goes to
/// simdjson instead, and an envelope's payload is walked again.
class HookBodyReader {
 public:
  explicit HookBodyReader(std::vector<std::string> topics);
  ~HookBodyReader();

  /// All events of the body, or the refusal of all of it. The events point into `body`, which must
  /// stay, until the next call.
  std::optional<HookRefusal> read(HookFormat format, ByteView body);
  const std::vector<HookEvent>& events() const { return events_; }
  const std::vector<std::string>& topics() const { return topics_; }

 private:
  struct Json;
  class PlainWalk;
  friend class HookBodyTest;
  std::optional<HookRefusal> read_one(std::string_view text);
  bool read_plain(std::string_view text);
  std::optional<HookRefusal> parse_one(std::string_view text);
  std::optional<HookRefusal> topic_of(std::string_view name, std::uint32_t& index) const;

  const std::vector<std::string> topics_;
  std::vector<HookEvent> events_;
  std::unique_ptr<Json> json_;
};

}  // namespace ds
