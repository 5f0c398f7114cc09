#include "cli/common.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>

namespace ds::cli {
namespace {

constexpr std::uint64_t kRunMask = (std::uint64_t{1} << 48) - 1;

Error usage(std::string message, std::string hint = {}) {
  return Error{.code = ErrorCode::kUsage, .message = std::move(message), .hint = std::move(hint)};
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r'))
    text.remove_suffix(1);
  return text;
}

/// The value of `name="…"` in a JAAS line.
std::string jaas_option(std::string_view line, std::string_view name) {
  const std::string key = fmt::format("{}=\"", name);
  const std::size_t at = line.find(key);
  if (at == std::string_view::npos) return {};
  const std::size_t begin = at + key.size();
  return std::string(line.substr(begin, line.find('"', begin) - begin));
}

Result<kafka::SaslMechanism> parse_mechanism(std::string_view text) {
  if (text == "PLAIN") return kafka::SaslMechanism::kPlain;
  if (text == "SCRAM-SHA-256") return kafka::SaslMechanism::kScramSha256;
  if (text == "SCRAM-SHA-512") return kafka::SaslMechanism::kScramSha512;
  return usage(fmt::format("the SASL mechanism '{}' is not known", text),
               "PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512");
}

Status apply_protocol(std::string_view protocol, kafka::Security& security) {
  if (protocol != "PLAINTEXT" && protocol != "SSL" && protocol != "SASL_PLAINTEXT" &&
      protocol != "SASL_SSL")
    return usage(fmt::format("the security protocol '{}' is not known", protocol),
                 "PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL");
  security.tls = protocol.ends_with("SSL");
  return Done{};
}

/// One property, in Kafka's Java name or in librdkafka's; both engines start from these.
Status apply_property(std::string_view name, std::string_view value, kafka::ClientSettings& into) {
  kafka::Security& security = into.security;
  if (name == "security.protocol") return apply_protocol(value, security);
  if (name == "sasl.mechanism" || name == "sasl.mechanisms") {
    auto mechanism = parse_mechanism(value);
    if (!mechanism) return std::move(mechanism).error();
    security.sasl = *mechanism;
  } else if (name == "sasl.jaas.config") {
    security.user = jaas_option(value, "username");
    security.password = jaas_option(value, "password");
  } else if (name == "sasl.username") {
    security.user = value;
  } else if (name == "sasl.password") {
    security.password = value;
  } else if (name == "ssl.truststore.location" || name == "ssl.ca.location") {
    security.ca_file = value;
  } else if (name == "ssl.keystore.location") {
    security.certificate_file = security.key_file = value;
  } else if (name == "ssl.certificate.location") {
    security.certificate_file = value;
  } else if (name == "ssl.key.location") {
    security.key_file = value;
  } else if (name == "ssl.endpoint.identification.algorithm") {
    security.verify_host = !value.empty() && value != "none";
  } else if (name == "ssl.truststore.type" || name == "ssl.keystore.type") {
    if (value != "PEM") return usage(fmt::format("{} is {}: only PEM files are read", name, value));
  } else if (name == "client.id") {
    into.client_id = value;
  } else {
    into.properties[std::string(name)] = value;
  }
  return Done{};
}

}  // namespace

Status read_client_properties(const std::string& path, kafka::ClientSettings& into) {
  std::ifstream file(path);
  if (!file) return usage(fmt::format("the client properties {} cannot be read", path));
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    const std::string_view text = trimmed(line);
    if (text.empty() || text.front() == '#' || text.front() == '!') continue;
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos)
      return usage(fmt::format("{}:{}: '{}' is not name=value", path, number, text));
    auto applied =
        apply_property(trimmed(text.substr(0, equals)), trimmed(text.substr(equals + 1)), into);
    if (!applied)
      return usage(fmt::format("{}:{}: {}", path, number, applied.error().message),
                   applied.error().hint);
  }
  return Done{};
}

kafka::ClientSettings read_kafka(Reader& read) {
  kafka::ClientSettings settings;
  settings.brokers = read.take("brokers", parse_addresses(read.text("brokers"), 9092));
  if (const std::string file = read.text("command-config"); !file.empty())
    if (auto taken = read_client_properties(file, settings); !taken)
      read.wrong("command-config", taken.error());
  for (const std::string& property : read.list("property")) {
    const std::size_t equals = property.find('=');
    if (equals == std::string::npos) {
      read.wrong("property", usage(fmt::format("'{}' is not NAME=VALUE", property)));
      continue;
    }
    auto applied =
        apply_property(property.substr(0, equals), property.substr(equals + 1), settings);
    if (!applied) read.wrong("property", applied.error());
  }
  return settings;
}

kafka::broker::BrokerSettings read_broker(Reader& read, std::string_view listen,
                                          std::string data_dir) {
  kafka::broker::BrokerSettings settings;
  settings.listen = read.take(listen, parse_address(read.text(listen)));
  settings.data_dir = std::move(data_dir);
  settings.durability =
      read.take("durability", kafka::broker::parse_durability(read.text("durability")));
  settings.retention_bytes = read.size("retention-bytes");
  settings.retention_time = read.duration("retention-time");
  settings.keep_unread = read.on("keep-unread");
  settings.repair = read.on("repair");
  settings.allow_anonymous = read.on("allow-anonymous");
  settings.default_partitions = static_cast<std::int32_t>(read.count("partitions"));
  return settings;
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
    read.wrong("run", usage(fmt::format("'{}' is not a run's id", text), "up to 12 hex digits"));
  return run;
}

Status make_data_folder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (!error) return Done{};
  return Error{.code = ErrorCode::kStorage,
               .message = fmt::format("the folder {} cannot be made: {}", path, error.message()),
               .hint = "name another with --data-dir"};
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
