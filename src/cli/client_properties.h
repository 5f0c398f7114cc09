// Client properties under the names of Kafka's Java clients and of librdkafka, from a file
// (--command-config) or from -X:
//
//   Properties properties;
//   read_properties("client.properties", properties);         // Java's format
//   properties["client.id"] = {"mine", "-X"};                 // what comes later wins
//   for (const Error& wrong : apply_properties(properties, settings)) …
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "kafka/client/client_settings.h"

namespace ds::cli {

struct Property {
  std::string value;
  std::string origin;  // "client.properties:3", "-X"
};
using Properties = std::map<std::string, Property, std::less<>>;

/// `NAME=VALUE`, `NAME: VALUE` or `NAME VALUE` a line; # and ! begin comments, a backslash at the
/// end goes on in the next line, and \\ \: \= \t stand for themselves as in Java. Errors name the
/// line and never quote it: it may hold a password.
Status read_properties(const std::string& path, Properties& into);

/// Sets `security` and `client_id`; what both do not know goes to `into.properties`, for the engine
/// to take or refuse. Everything that is wrong, in the order of the names; empty: nothing.
std::vector<Error> apply_properties(const Properties& properties, kafka::ClientSettings& into);

}  // namespace ds::cli
