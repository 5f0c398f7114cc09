// ApiVersions (API 18), versions 0 to 4.
#pragma once

#include "kafka/wire/codec.h"

namespace ds::kafka {

/// The first request of a connection: what do you speak?
struct ApiVersionsRequest {
  static constexpr const Api& api = api_of(ApiKey::kApiVersions);
  static constexpr Direction direction = Direction::kRequest;

  std::string client_software_name;
  std::string client_software_version;

  static void fields(auto& self, auto& io) {
    io("ClientSoftwareName", self.client_software_name, since(3));
    io("ClientSoftwareVersion", self.client_software_version, since(3));
  }
  bool operator==(const ApiVersionsRequest&) const = default;
};

/// The range of versions of every API. A broker that does not speak the version asked for answers
/// UNSUPPORTED_VERSION in version 0, its ranges included. Always under header v0.
struct ApiVersionsResponse {
  static constexpr const Api& api = api_of(ApiKey::kApiVersions);
  static constexpr Direction direction = Direction::kResponse;

  struct Range {
    std::int16_t api_key = 0;
    std::int16_t min_version = 0;
    std::int16_t max_version = 0;

    static void fields(auto& self, auto& io) {
      io("ApiKey", self.api_key);
      io("MinVersion", self.min_version);
      io("MaxVersion", self.max_version);
    }
    bool operator==(const Range&) const = default;
  };

  struct SupportedFeature {
    std::string name;
    std::int16_t min_version = 0;
    std::int16_t max_version = 0;

    static void fields(auto& self, auto& io) {
      io("Name", self.name);
      io("MinVersion", self.min_version);
      io("MaxVersion", self.max_version);
    }
    bool operator==(const SupportedFeature&) const = default;
  };

  struct FinalizedFeature {
    std::string name;
    std::int16_t max_version_level = 0;
    std::int16_t min_version_level = 0;

    static void fields(auto& self, auto& io) {
      io("Name", self.name);
      io("MaxVersionLevel", self.max_version_level);
      io("MinVersionLevel", self.min_version_level);
    }
    bool operator==(const FinalizedFeature&) const = default;
  };

  KafkaError error_code = KafkaError::kNone;
  std::vector<Range> api_keys;
  std::int32_t throttle_time_ms = 0;
  std::vector<SupportedFeature> supported_features;
  std::int64_t finalized_features_epoch = -1;  // -1: not known
  std::vector<FinalizedFeature> finalized_features;
  bool zk_migration_ready = false;

  static void fields(auto& self, auto& io) {
    io("ErrorCode", self.error_code);
    io("ApiKeys", self.api_keys);
    io("ThrottleTimeMs", self.throttle_time_ms, since(1));
    io("SupportedFeatures", self.supported_features, since(3).tag(0));
    io("FinalizedFeaturesEpoch", self.finalized_features_epoch, since(3).tag(1, -1));
    io("FinalizedFeatures", self.finalized_features, since(3).tag(2));
    io("ZkMigrationReady", self.zk_migration_ready, since(3).tag(3));
  }
  bool operator==(const ApiVersionsResponse&) const = default;
};

}  // namespace ds::kafka
