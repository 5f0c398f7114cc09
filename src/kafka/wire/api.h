// The Kafka APIs that DataStorm speaks, and the versions of each whose layout we have declared.
//
//   for (const Api& api : kApis) advertise(api.key, api.versions);
//   const Api* api = find_api(header.api_key);   // null: we have no layout for it
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string_view>

#include "base/check.h"

namespace ds::kafka {

enum class ApiKey : std::int16_t {
  kNone = -1,  // a structure that travels inside another message
  kProduce = 0,
  kFetch = 1,
  kListOffsets = 2,
  kMetadata = 3,
  kOffsetCommit = 8,
  kOffsetFetch = 9,
  kFindCoordinator = 10,
  kJoinGroup = 11,
  kHeartbeat = 12,
  kLeaveGroup = 13,
  kSyncGroup = 14,
  kDescribeGroups = 15,
  kListGroups = 16,
  kSaslHandshake = 17,
  kApiVersions = 18,
  kCreateTopics = 19,
  kDeleteTopics = 20,
  kDeleteRecords = 21,
  kInitProducerId = 22,
  kDescribeConfigs = 32,
  kAlterConfigs = 33,
  kSaslAuthenticate = 36,
  kCreatePartitions = 37,
  kDeleteGroups = 42,
  kIncrementalAlterConfigs = 44,
  kDescribeCluster = 60,
};

struct Versions {
  int min = 0;
  int max = 0;
  constexpr bool contain(int version) const { return min <= version && version <= max; }
  bool operator==(const Versions&) const = default;
};

constexpr int kNever = std::numeric_limits<int>::max();

struct Api {
  ApiKey key = ApiKey::kNone;
  std::string_view name;        // Kafka's own
  Versions versions;            // those declared here; a broker may offer fewer
  int flexible_since = kNever;  // from here on: compact lengths and tagged fields (KIP-482)

  constexpr bool flexible(int version) const { return version >= flexible_since; }
  /// Request header v2 carries tagged fields, v1 does not.
  constexpr int request_header(int version) const { return flexible(version) ? 2 : 1; }
  /// ApiVersions answers with header v0 always, so that any client can read the refusal.
  constexpr int response_header(int version) const {
    return flexible(version) && key != ApiKey::kApiVersions ? 1 : 0;
  }
};

/// By key, ascending. Layouts are Apache Kafka 4.3's message descriptions; tests/oracle holds
/// every one of them against Kafka's own classes.
inline constexpr Api kApis[] = {
    {ApiKey::kProduce, "Produce", {3, 9}, 9},
    {ApiKey::kFetch, "Fetch", {4, 11}, 12},
    {ApiKey::kListOffsets, "ListOffsets", {1, 5}, 6},
    {ApiKey::kMetadata, "Metadata", {0, 10}, 9},
    {ApiKey::kOffsetCommit, "OffsetCommit", {2, 7}, 8},
    {ApiKey::kOffsetFetch, "OffsetFetch", {1, 7}, 6},
    {ApiKey::kFindCoordinator, "FindCoordinator", {0, 2}, 3},
    {ApiKey::kJoinGroup, "JoinGroup", {0, 5}, 6},
    {ApiKey::kHeartbeat, "Heartbeat", {0, 3}, 4},
    {ApiKey::kLeaveGroup, "LeaveGroup", {0, 3}, 4},
    {ApiKey::kSyncGroup, "SyncGroup", {0, 3}, 4},
    {ApiKey::kDescribeGroups, "DescribeGroups", {0, 4}, 5},
    {ApiKey::kListGroups, "ListGroups", {0, 4}, 3},
    {ApiKey::kSaslHandshake, "SaslHandshake", {0, 1}, kNever},
    {ApiKey::kApiVersions, "ApiVersions", {0, 4}, 3},
    {ApiKey::kCreateTopics, "CreateTopics", {2, 4}, 5},
    {ApiKey::kDeleteTopics, "DeleteTopics", {1, 3}, 4},
    {ApiKey::kDeleteRecords, "DeleteRecords", {0, 1}, 2},
    {ApiKey::kInitProducerId, "InitProducerId", {0, 4}, 2},
    {ApiKey::kDescribeConfigs, "DescribeConfigs", {1, 2}, 4},
    {ApiKey::kAlterConfigs, "AlterConfigs", {0, 2}, 2},
    {ApiKey::kSaslAuthenticate, "SaslAuthenticate", {0, 1}, 2},
    {ApiKey::kCreatePartitions, "CreatePartitions", {0, 1}, 2},
    {ApiKey::kDeleteGroups, "DeleteGroups", {0, 1}, 2},
    {ApiKey::kIncrementalAlterConfigs, "IncrementalAlterConfigs", {0, 1}, 1},
    {ApiKey::kDescribeCluster, "DescribeCluster", {0, 0}, 0},
};

constexpr const Api* find_api(ApiKey key) {
  for (const Api& api : kApis)
    if (api.key == key) return &api;
  return nullptr;
}
constexpr const Api* find_api(std::int16_t key) {
  return find_api(static_cast<ApiKey>(key));
}

/// For a key that is known to be in the table, as in every message.
constexpr const Api& api_of(ApiKey key) {
  // Not by find_api(): g++ 12 with UBSan takes no comparison with null for a constant.
  for (const Api& api : kApis)
    if (api.key == key) return api;
  fail_check("no such Kafka API", std::source_location::current());
}

}  // namespace ds::kafka
