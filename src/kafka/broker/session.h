// Where a client came in, who it is, and how far its login has come.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "kafka/broker/access.h"
#include "kafka/broker/login.h"
#include "net/socket.h"
#include "net/tls.h"

namespace ds::kafka::broker {

/// One address where the broker listens, and what it asks of a client there.
struct Door {
  Address address;              // where it really listens
  std::optional<Address> told;  // what clients are told; nothing: the address where they found us
  std::optional<TlsContext> tls;
  bool login = false;
};

enum class LoginState { kNotNeeded, kBegins, kMessages, kChecks, kIn };

struct Session {
  const Door& door;
  LoginState state = door.login ? LoginState::kBegins : LoginState::kNotNeeded;
  std::string who{kAnonymous};
  std::unique_ptr<Login> login;

  bool is_in() const { return state == LoginState::kNotNeeded || state == LoginState::kIn; }
};

}  // namespace ds::kafka::broker
