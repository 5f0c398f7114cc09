// SaslHandshake: names the mechanism; the login itself comes in SaslAuthenticate.
#include <algorithm>

#include "kafka/broker/handlers/handlers.h"

namespace ds::kafka::broker {

SaslHandshakeResponse handle_sasl_handshake(Call& call, SaslHandshakeRequest& request) {
  constexpr std::size_t kNonceBytes = 24;
  Session& session = call.connection.session();
  SaslHandshakeResponse response;
  if (session.state != LoginState::kBegins) {
    response.error_code = KafkaError::kIllegalSaslState;
    return response;
  }
  response.mechanisms.assign(std::begin(kMechanisms), std::end(kMechanisms));
  const auto mechanism = std::find(std::begin(kMechanisms), std::end(kMechanisms),
                                   std::string_view(request.mechanism));
  if (call.version() == 0) {  // what follows would have no headers
    response.error_code = KafkaError::kUnsupportedVersion;
    call.connection.close_when_sent();
  } else if (mechanism == std::end(kMechanisms)) {  // it may try another
    response.error_code = KafkaError::kUnsupportedSaslMechanism;
  } else {
    session.login = std::make_unique<Login>(call.core.settings.users, *mechanism,
                                            to_base64(random_bytes(kNonceBytes)));
    session.state = LoginState::kMessages;
  }
  return response;
}

}  // namespace ds::kafka::broker
