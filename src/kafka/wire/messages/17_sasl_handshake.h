// SaslHandshake (API 17), versions 0 to 1.
#pragma once

#include "kafka/wire/codec.h"

namespace ds::kafka {

/// Names the SASL mechanism to be used. From version 1 on SaslAuthenticate carries the tokens.
struct SaslHandshakeRequest {
  static constexpr const Api& api = api_of(ApiKey::kSaslHandshake);
  static constexpr Direction direction = Direction::kRequest;

  std::string mechanism;

  static void fields(auto& self, auto& io) { io("Mechanism", self.mechanism); }
  bool operator==(const SaslHandshakeRequest&) const = default;
};

/// Yes, or the mechanisms that there are.
struct SaslHandshakeResponse {
  static constexpr const Api& api = api_of(ApiKey::kSaslHandshake);
  static constexpr Direction direction = Direction::kResponse;

  KafkaError error_code = KafkaError::kNone;
  std::vector<std::string> mechanisms;

  static void fields(auto& self, auto& io) {
    io("ErrorCode", self.error_code);
    io("Mechanisms", self.mechanisms);
  }
  bool operator==(const SaslHandshakeResponse&) const = default;
};

}  // namespace ds::kafka
