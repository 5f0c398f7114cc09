// SaslAuthenticate (API 36), versions 0 to 1.
#pragma once

#include "kafka/wire/codec.h"

namespace ds::kafka {

/// One token of the SASL exchange.
struct SaslAuthenticateRequest {
  static constexpr const Api& api = api_of(ApiKey::kSaslAuthenticate);
  static constexpr Direction direction = Direction::kRequest;

  ByteVec auth_bytes;

  static void fields(auto& self, auto& io) { io("AuthBytes", self.auth_bytes); }
  bool operator==(const SaslAuthenticateRequest&) const = default;
};

/// The server's token in return.
struct SaslAuthenticateResponse {
  static constexpr const Api& api = api_of(ApiKey::kSaslAuthenticate);
  static constexpr Direction direction = Direction::kResponse;

  KafkaError error_code = KafkaError::kNone;
  std::optional<std::string> error_message;
  ByteVec auth_bytes;
  std::int64_t session_lifetime_ms = 0;

  static void fields(auto& self, auto& io) {
    io("ErrorCode", self.error_code);
    io("ErrorMessage", self.error_message);
    io("AuthBytes", self.auth_bytes);
    io("SessionLifetimeMs", self.session_lifetime_ms, since(1));
  }
  bool operator==(const SaslAuthenticateResponse&) const = default;
};

}  // namespace ds::kafka
