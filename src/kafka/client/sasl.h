// Logging in: the client's side of SASL PLAIN (RFC 4616) and SCRAM (RFC 5802, RFC 7677), without
// a socket. A SaslLogin makes messages; its owner carries them in SaslAuthenticate requests.
//
//   SaslLogin login(security, nonce);
//   send(login.first());
//   while (!login.done()) send(*login.on(challenge));
#pragma once

#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "kafka/client/client_settings.h"

namespace ds::kafka {

/// "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"; empty for kNone.
std::string_view to_string(SaslMechanism mechanism);
/// Nothing the direct engine speaks: kUsage, naming what it does.
Result<SaslMechanism> parse_sasl_mechanism(std::string_view text);

/// Random printable characters for a SCRAM exchange, from the system's source.
std::string make_sasl_nonce();

class SaslLogin {
 public:
  /// `nonce`: fresh for each login (make_sasl_nonce); tests give the RFC's.
  SaslLogin(const Security& security, std::string nonce);

  std::string first();
  /// Takes the server's answer to the last message and returns the next one. When the last answer
  /// was good, done() holds and the message is empty. An error: the server is not who knows the
  /// password, or does not speak SCRAM.
  Result<std::string> on(std::string_view challenge);
  bool done() const { return state_ == State::kDone; }

 private:
  enum class State { kStart, kWaitsForSalt, kWaitsForProof, kDone };

  Result<std::string> prove(std::string_view server_first);
  Result<std::string> verify(std::string_view server_final);

  SaslMechanism mechanism_;
  std::string user_;
  std::string password_;
  std::string nonce_;
  std::string client_first_bare_;
  std::string server_signature_;
  State state_ = State::kStart;
};

}  // namespace ds::kafka
