// InitProducerId (API 22), versions 0 to 4.
#pragma once

#include "kafka/wire/codec.h"

namespace ds::kafka {

/// Asks for a producer id, which an idempotent producer stamps on its batches.
struct InitProducerIdRequest {
  static constexpr const Api& api = api_of(ApiKey::kInitProducerId);
  static constexpr Direction direction = Direction::kRequest;

  std::optional<std::string> transactional_id;
  std::int32_t transaction_timeout_ms = 0;
  std::int64_t producer_id = -1;
  std::int16_t producer_epoch = -1;

  static void fields(auto& self, auto& io) {
    io("TransactionalId", self.transactional_id);
    io("TransactionTimeoutMs", self.transaction_timeout_ms);
    io("ProducerId", self.producer_id, since(3));
    io("ProducerEpoch", self.producer_epoch, since(3));
  }
  bool operator==(const InitProducerIdRequest&) const = default;
};

/// The id and its epoch.
struct InitProducerIdResponse {
  static constexpr const Api& api = api_of(ApiKey::kInitProducerId);
  static constexpr Direction direction = Direction::kResponse;

  std::int32_t throttle_time_ms = 0;
  KafkaError error_code = KafkaError::kNone;
  std::int64_t producer_id = -1;
  std::int16_t producer_epoch = 0;

  static void fields(auto& self, auto& io) {
    io("ThrottleTimeMs", self.throttle_time_ms);
    io("ErrorCode", self.error_code);
    io("ProducerId", self.producer_id);
    io("ProducerEpoch", self.producer_epoch);
  }
  bool operator==(const InitProducerIdResponse&) const = default;
};

}  // namespace ds::kafka
