#include "kafka/broker/access.h"

#include <algorithm>
#include <optional>

namespace ds::kafka::broker {
namespace {

constexpr std::uint8_t bit(Operation operation) {
  return static_cast<std::uint8_t>(operation);
}
constexpr std::uint8_t kAll = 63;

/// The next word, or what stands in quotation marks; empty at the end of the line.
std::string take_word(std::string_view& line) {
  constexpr std::string_view kBlanks = " \t\r";
  const auto begin = line.find_first_not_of(kBlanks);
  if (begin == line.npos || line[begin] == '#') return line = {}, std::string();
  line.remove_prefix(begin);
  const bool quoted = line.front() == '"';
  if (quoted) line.remove_prefix(1);
  const auto end = quoted ? line.find('"') : line.find_first_of(kBlanks);
  std::string word(line.substr(0, end));
  line.remove_prefix(end == line.npos ? line.size() : end + (quoted ? 1 : 0));
  return word;
}

/// 0 for a word that is no list of operations.
std::uint8_t parse_operations(std::string_view list) {
  struct Name {
    std::string_view name;
    std::uint8_t bits;
  };
  constexpr std::uint8_t kDescribe = bit(Operation::kDescribe);
  constexpr Name kNames[] = {
      {"read", bit(Operation::kRead) | kDescribe},
      {"write", bit(Operation::kWrite) | kDescribe},
      {"create", bit(Operation::kCreate)},
      {"delete", bit(Operation::kDelete) | kDescribe},
      {"alter", bit(Operation::kAlter) | kDescribe},
      {"describe", kDescribe},
      {"all", kAll},
  };
  std::uint8_t operations = 0;
  while (!list.empty()) {
    const auto comma = list.find(',');
    const auto word = list.substr(0, comma);
    const auto found = std::find_if(std::begin(kNames), std::end(kNames),
                                    [&](const Name& each) { return each.name == word; });
    if (found == std::end(kNames)) return 0;
    operations = static_cast<std::uint8_t>(operations | found->bits);
    list.remove_prefix(comma == list.npos ? list.size() : comma + 1);
  }
  return operations;
}

}  // namespace

std::optional<Access::Rule> Access::parse_rule(std::string_view line) {
  Rule rule{.who = take_word(line)};
  rule.operations = parse_operations(take_word(line));
  const std::string kind = take_word(line);
  if (kind == "*" || kind == "cluster") {
    rule.any_resource = kind == "*";
    rule.resource = Resource::kCluster;
  } else if (kind == "topic" || kind == "group") {
    rule.resource = kind == "topic" ? Resource::kTopic : Resource::kGroup;
    rule.name = take_word(line);
    if (rule.name.empty()) return std::nullopt;
    rule.is_prefix = rule.name.ends_with('*');
    if (rule.is_prefix) rule.name.pop_back();
  } else {
    return std::nullopt;
  }
  if (rule.operations == 0 || !take_word(line).empty()) return std::nullopt;
  return rule;
}

Result<Access> Access::parse(std::string_view text, const std::string& path) {
  Access access;
  access.everything_ = false;
  std::string wrong;
  for (int number = 1; !text.empty(); ++number) {
    const auto end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    std::string_view rest = line;
    if (take_word(rest).empty()) continue;
    if (auto rule = parse_rule(line))
      access.rules_.push_back(std::move(*rule));
    else
      wrong += fmt::format("{}{}:{}: '{}' is no allowance", wrong.empty() ? "" : "\n", path, number,
                           line);
  }
  if (wrong.empty()) return access;
  return Error{.code = ErrorCode::kUsage,
               .message = std::move(wrong),
               .hint =
                   "WHO read,write,create,delete,alter,describe|all topic NAME|group "
                   "NAME|cluster|*"};
}

bool Access::may(std::string_view who, Operation what, Resource resource,
                 std::string_view name) const {
  if (everything_) return true;
  return std::any_of(rules_.begin(), rules_.end(), [&](const Rule& rule) {
    if ((rule.operations & bit(what)) == 0 || (rule.who != "*" && rule.who != who)) return false;
    if (rule.any_resource) return true;
    if (rule.resource != resource) return false;
    if (resource == Resource::kCluster) return true;
    return rule.is_prefix ? name.starts_with(rule.name) : name == rule.name;
  });
}

bool Access::may_somewhere(std::string_view who, Operation what, Resource resource) const {
  if (everything_) return true;
  return std::any_of(rules_.begin(), rules_.end(), [&](const Rule& rule) {
    return (rule.operations & bit(what)) != 0 && (rule.who == "*" || rule.who == who) &&
           (rule.any_resource || rule.resource == resource);
  });
}

}  // namespace ds::kafka::broker
