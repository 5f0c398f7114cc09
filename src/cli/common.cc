#include "cli/common.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "base/wrong_use.h"
#include "cli/broker_security.h"
#include "cli/client_properties.h"

namespace ds::cli {
namespace {

constexpr std::uint64_t kRunMask = (std::uint64_t{1} << 48) - 1;

}  // namespace

kafka::ClientSettings read_kafka(Reader& read, std::string_view engine) {
  kafka::ClientSettings settings;
  settings.brokers = read.take("brokers", parse_addresses(read.text("brokers"), 9092));
  Properties properties;
  if (const std::string file = read.text("command-config"); !file.empty())
    if (auto taken = read_properties(file, properties); !taken)
      read.wrong("command-config", taken.error());
  for (const std::string& property : read.list("property")) {
    const std::size_t equals = property.find('=');
    if (equals == std::string::npos || equals == 0)  // not quoted: it may hold a password
      read.wrong("property", wrong_use("one of them is not NAME=VALUE", "-X client.id=mine"));
    else
      properties[property.substr(0, equals)] = {property.substr(equals + 1), "-X"};
  }
  for (const Error& wrong : apply_properties(properties, settings)) read.wrong(wrong);
  if (settings.security.sasl == kafka::SaslMechanism::kOther && engine != "librdkafka")
    read.wrong(wrong_use(fmt::format("the SASL mechanism {} is spoken by librdkafka alone",
                                     settings.properties.at("sasl.mechanism")),
                         "produce --engine librdkafka, or PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"));
  return settings;
}

void refuse_properties(Reader& read, const kafka::ClientSettings& client) {
  for (const auto& [name, value] : client.properties)
    if (client.security.sasl != kafka::SaslMechanism::kOther || !name.starts_with("sasl."))
      read.wrong(
          wrong_use(fmt::format("the property {} is not known to DataStorm's own engine", name),
                    "produce --engine librdkafka takes it"));
}

Status check_topic_name(std::string_view name) {
  constexpr std::size_t kLengthMax = 249;
  const bool plain = std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
  if (plain && !name.empty() && name.size() <= kLengthMax && name != "." && name != "..")
    return Done{};
  return wrong_use(fmt::format("'{}' is no topic's name", name),
                   "1 to 249 letters, digits, dots, underscores and hyphens");
}

std::string read_topic(Reader& read) {
  std::string name = read.text("topic");
  if (auto fine = check_topic_name(name); !fine) read.wrong("topic", fine.error());
  return name;
}

kafka::broker::BrokerSettings read_broker(Reader& read, std::string_view listen,
                                          std::string data_dir) {
  kafka::broker::BrokerSettings settings;
  read_broker_security(read, listen, settings);
  settings.data_dir = std::move(data_dir);
  settings.durability =
      read.take("durability", kafka::broker::parse_durability(read.text("durability")));
  settings.retention_bytes = read.size("retention-bytes");
  settings.retention_time = read.duration("retention-time");
  settings.keep_unread = read.on("keep-unread");
  settings.repair = read.on("repair");
  settings.group_lives = read.duration("group-lives");
  settings.idle_max = read.duration("idle-timeout");
  settings.default_partitions = read.count_within("partitions", 1, kPartitionsMax);
  return settings;
}

bool reads_committed(Reader& read) {
  constexpr std::string_view kLevels[] = {"read_committed", "read_uncommitted"};
  return read.choice("isolation", kLevels) == "read_committed";
}

LogLevel read_log_level(Reader& read) {
  return read.take("log-level", parse_log_level(read.text("log-level")), LogLevel::kInfo);
}

std::uint64_t read_run_id(Reader& read) {
  const std::string text = read.text("run");
  std::uint64_t run = 0;
  if (text.empty()) {
    while (run == 0) {
      check(getrandom(&run, sizeof run, 0) == sizeof run, "getrandom failed");
      run &= kRunMask;
    }
    return run;
  }
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), run, 16);
  if (wrong != std::errc() || end != text.data() + text.size() || run > kRunMask || run == 0)
    read.wrong("run",
               wrong_use(fmt::format("'{}' is not a run's id", text), "up to 12 hex digits"));
  return run;
}

Status make_data_folder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (!error) return Done{};
  return wrong_use(fmt::format("the folder {} cannot be made: {}", path, error.message()),
                   "name another with --data-dir");
}

Error as_wrong_use(Error error) {
  if (error.code == ErrorCode::kStorage) error.code = ErrorCode::kUsage;
  return error;
}

std::vector<std::string_view> join_settings(
    std::initializer_list<std::span<const std::string_view>> parts) {
  std::vector<std::string_view> all;
  for (const auto& part : parts)
    for (const std::string_view name : part)
      if (std::ranges::find(all, name) == all.end()) all.push_back(name);
  return all;
}

Result<Address> parse_listen(std::string_view text) {
  const bool port_only =
      !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  return parse_address(port_only ? ":" + std::string(text) : std::string(text));
}

}  // namespace ds::cli
