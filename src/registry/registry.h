// A schema registry's client, for those that speak Confluent's REST interface (Confluent's own,
// Karapace, Apicurio, Redpanda).
//
//   Registry registry({.url = "https://registry:8081", .user = "me", .password = …}, clock);
//   auto id = registry.register_schema("orders-value", schema);
//   ByteVec frame = confluent_frame(*id, schema);
//
// What answers "later" (429, 5xx) or not at all is asked again until settings.give_up; what refuses
// is told in its own words.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "record/payload/payload.h"

namespace ds {

struct RegistrySettings {
  std::string url;
  std::string user, password;  // empty: none
  std::string ca_file;         // PEM; empty: the system's
  Nanos request_timeout = 10 * kSecond;
  Nanos give_up = 30 * kSecond;
};

struct RegisteredSchema {
  std::int32_t id = 0;
  std::int32_t version = 0;  // 0: not asked for
  std::string type;          // AVRO, JSON, PROTOBUF
  std::string text;
  struct Reference {
    std::string name;
    std::string subject;
    std::int32_t version = 0;
    bool operator==(const Reference&) const = default;
  };
  std::vector<Reference> references;
};

/// Threads: one. Blocks up to give_up.
class Registry {
 public:
  Registry(RegistrySettings settings, const Clock& clock);
  ~Registry();
  Registry(Registry&&) noexcept;

  /// Its id: a new one, or the one that the same text already has. What it refers to is registered
  /// before it, each under a subject with the reference's name.
  Result<std::int32_t> register_schema(const std::string& subject, const SchemaText& schema);
  /// The id of a schema that is there already; nothing is registered.
  Result<std::int32_t> look_up(const std::string& subject, const SchemaText& schema);
  Result<RegisteredSchema> by_id(std::int32_t id);
  /// `version`: 0 is the latest.
  Result<RegisteredSchema> version(const std::string& subject, std::int32_t version = 0);
  /// Its URL without a password, for messages.
  const std::string& name() const { return name_; }

 private:
  struct Curl;
  struct Answer {
    long status = 0;
    std::string body;
    std::string retry_after;
  };
  Result<Answer> ask(const std::string& path, const std::string* body, std::string_view what);
  Result<Answer> once(const std::string& path, const std::string* body);
  Result<std::vector<RegisteredSchema::Reference>> references_of(const SchemaText& schema,
                                                                 bool registering);
  Result<std::int32_t> post(const std::string& path, const SchemaText& schema,
                            const std::vector<RegisteredSchema::Reference>& references,
                            std::string_view what);

  const RegistrySettings settings_;
  const Clock& clock_;
  std::string name_;
  Random random_;
  std::unique_ptr<Curl> curl_;
};

/// What stands before each value: a zero, the id, and for Protobuf which message of the file it is.
ByteVec confluent_frame(std::int32_t id, const SchemaText& schema);

}  // namespace ds
