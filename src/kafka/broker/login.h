// Logging in: the broker's side of SASL PLAIN (RFC 4616) and SCRAM (RFC 5802, RFC 7677), without a
// socket. The client's messages come in SaslAuthenticate requests.
//
//   Login login(users, "SCRAM-SHA-256", nonce);
//   while (!login.over()) { step = login.on(message); send(step.answer) or refuse }
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "kafka/broker/users.h"

namespace ds::kafka::broker {

/// The mechanisms in the order in which they are told.
constexpr std::string_view kMechanisms[] = {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"};

class Login {
 public:
  enum class Verdict {
    kGoOn,           // send the answer, wait for the next message
    kIn,             // send the answer: it is the user
    kRefused,        // wrong user or password, or a message that is none
    kCheckPassword,  // PLAIN: the password decides; see password()
  };

  /// `mechanism` is one of kMechanisms; `nonce` is fresh (tests give the RFC's).
  Login(const Users& users, std::string_view mechanism, std::string nonce)
      : users_(users), mechanism_(mechanism), nonce_(std::move(nonce)) {}

  struct Step {
    Verdict verdict = Verdict::kRefused;
    std::string answer = {};
  };
  Step on(std::string_view message);

  std::string_view mechanism() const { return mechanism_; }
  const std::string& user() const { return user_; }
  /// Of kCheckPassword; given away once.
  std::string take_password() { return std::move(password_); }

 private:
  Step plain(std::string_view message);
  Step first(std::string_view message);
  Step prove(std::string_view message);

  const Users& users_;
  const std::string_view mechanism_;
  std::string nonce_;
  std::string user_;
  std::string password_;
  Credential credential_;
  std::string client_nonce_;
  std::string gs2_header_;
  std::string client_first_bare_;
  std::string server_first_;
  int step_ = 0;
};

}  // namespace ds::kafka::broker
