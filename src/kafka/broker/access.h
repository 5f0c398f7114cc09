// Who may do what: a small file of allowances; what no line allows is refused.
//
//   # who         what                          on
//   alice         all                           *
//   bob           read,write,create             topic tweets
//   bob           read                          group brand*      a prefix
//   "CN=sensor"   write                         topic readings    a client certificate's subject
//   carol         describe                      cluster
//   ANONYMOUS     read                          topic *           who has not logged in
//   *             describe                      topic *           everybody
//
// What:  read, write, create, delete, alter, describe, all. The first, second, fourth and fifth
//        allow to describe as well.
// On:    topic NAME, group NAME, cluster, or * for all of them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ds::kafka::broker {

enum class Operation : std::uint8_t {
  kRead = 1,
  kWrite = 2,
  kCreate = 4,
  kDelete = 8,
  kAlter = 16,
  kDescribe = 32,
};
enum class Resource : std::uint8_t { kTopic, kGroup, kCluster };

constexpr std::string_view kAnonymous = "ANONYMOUS";

/// Threads: any, once it is made.
/// Cost:    a look at each line.
class Access {
 public:
  /// Without a file everybody may do everything who got in.
  Access() = default;
  static Result<Access> parse(std::string_view text, const std::string& path);

  bool everything() const { return everything_; }
  bool may(std::string_view who, Operation what, Resource resource, std::string_view name) const;
  /// Whether there is any such resource: idempotent producers ask before they name a topic.
  bool may_somewhere(std::string_view who, Operation what, Resource resource) const;

 private:
  struct Rule {
    std::string who;  // "*": everybody
    std::uint8_t operations = 0;
    bool any_resource = false;
    Resource resource = Resource::kTopic;
    std::string name;
    bool is_prefix = false;
  };
  static std::optional<Rule> parse_rule(std::string_view line);

  bool everything_ = true;
  std::vector<Rule> rules_;
};

}  // namespace ds::kafka::broker
