// How to reach a Kafka cluster: shared by both engines, the admin calls and the fetcher.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "net/socket.h"

namespace ds::kafka {

/// kOther is librdkafka's alone; its name and settings are among ClientSettings::properties.
enum class SaslMechanism { kNone, kPlain, kScramSha256, kScramSha512, kOther };

struct Security {
  bool tls = false;
  std::string ca_file;           // empty: the system's
  std::string certificate_file;  // client certificate and key, PEM; empty: none
  std::string key_file;
  bool verify_host = true;
  SaslMechanism sasl = SaslMechanism::kNone;
  std::string user;
  std::string password;
};

struct ClientSettings {
  std::vector<Address> brokers;
  std::string client_id = "datastorm";
  Security security;
  Nanos connect_timeout = 5 * kSecond;
  Nanos request_timeout = 30 * kSecond;
  std::uint64_t jitter_seed = 0;  // of the waits between tries
  /// librdkafka's names, from -X; an engine takes what it knows and refuses the rest by name.
  std::map<std::string, std::string> properties;
};

}  // namespace ds::kafka
