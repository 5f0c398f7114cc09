#include "cli/client_properties.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <fstream>

#include "base/wrong_use.h"

namespace ds::cli {
namespace {

constexpr std::string_view kBlank = " \t\r\f";

std::string_view without_indent(std::string_view text) {
  return text.substr(std::min(text.find_first_not_of(kBlank), text.size()));
}

bool goes_on(std::string_view line) {
  const std::size_t last = line.find_last_not_of('\\');
  const std::size_t slashes = line.size() - (last == std::string_view::npos ? 0 : last + 1);
  return slashes % 2 == 1;
}

std::string unescaped(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      plain += text[i];
      continue;
    }
    const char escaped = text[++i];
    plain += escaped == 't' ? '\t' : escaped == 'n' ? '\n' : escaped == 'r' ? '\r' : escaped;
  }
  return plain;
}

/// Where the name ends: at the first =, : or blank without a backslash before it.
std::size_t name_end(std::string_view line) {
  std::size_t at = 0;
  while (at < line.size() && std::string_view("=: \t").find(line[at]) == std::string_view::npos)
    at += line[at] == '\\' ? 2 : 1;
  return std::min(at, line.size());
}

/// `Module required username="alice" password="se\"cret";`: its options.
std::map<std::string, std::string> jaas_options(std::string_view line) {
  std::map<std::string, std::string> options;
  for (std::size_t at = 0; (at = line.find('=', at)) != std::string_view::npos;) {
    const std::size_t before = line.find_last_of(" \t\n\"';", at);
    const std::size_t begin = before == std::string_view::npos ? 0 : before + 1;
    std::string& value = options[std::string(line.substr(begin, at - begin))];
    ++at;
    const bool quoted = at < line.size() && (line[at] == '"' || line[at] == '\'');
    const char quote = quoted ? line[at++] : ' ';
    for (; at < line.size() && line[at] != quote; ++at) {
      if (!quoted && (line[at] == ';' || line[at] == '\t' || line[at] == '\n')) break;
      if (quoted && line[at] == '\\' && at + 1 < line.size()) ++at;
      value += line[at];
    }
  }
  return options;
}

Result<kafka::SaslMechanism> parse_mechanism(std::string_view text) {
  if (text == "PLAIN") return kafka::SaslMechanism::kPlain;
  if (text == "SCRAM-SHA-256") return kafka::SaslMechanism::kScramSha256;
  if (text == "SCRAM-SHA-512") return kafka::SaslMechanism::kScramSha512;
  if (text == "GSSAPI" || text == "OAUTHBEARER") return kafka::SaslMechanism::kOther;
  return wrong_use(fmt::format("the SASL mechanism '{}' is not known", text),
                   "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, GSSAPI or OAUTHBEARER");
}

/// The names read here, and what they come to once all are known.
struct Draft {
  std::string protocol = "PLAINTEXT";
  bool has_mechanism = false;
};

Status apply(std::string_view name, const std::string& value, Draft& draft,
             kafka::ClientSettings& into) {
  kafka::Security& security = into.security;
  if (name == "security.protocol") {
    draft.protocol = value;  // librdkafka writes it small
    std::ranges::transform(value, draft.protocol.begin(),
                           [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    constexpr std::string_view kProtocols[] = {"PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"};
    if (std::ranges::find(kProtocols, draft.protocol) == std::end(kProtocols))
      return wrong_use(fmt::format("the security protocol '{}' is not known", value),
                       "PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL");
    security.tls = draft.protocol.ends_with("SSL");
  } else if (name == "sasl.mechanism" || name == "sasl.mechanisms") {
    draft.has_mechanism = true;
    auto mechanism = parse_mechanism(value);
    if (!mechanism) return std::move(mechanism).error();
    security.sasl = *mechanism;
    if (*mechanism == kafka::SaslMechanism::kOther) into.properties["sasl.mechanism"] = value;
  } else if (name == "sasl.jaas.config") {
    auto options = jaas_options(value);
    security.user = options["username"];
    security.password = options["password"];
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
    if (value != "PEM")
      return wrong_use(fmt::format("{} is {}: only PEM files are read", name, value),
                       "keytool and openssl turn a store into PEM files");
  } else if (name == "client.id") {
    into.client_id = value;
  } else {
    into.properties[std::string(name)] = value;
  }
  return Done{};
}

/// What only shows when all have been read.
Status settle(const Draft& draft, const kafka::Security& security) {
  const bool login = draft.protocol.starts_with("SASL");
  if (login && !draft.has_mechanism)
    return wrong_use(
        fmt::format("security.protocol is {}, but sasl.mechanism is not set", draft.protocol),
        "sasl.mechanism=PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512");
  if (!login && draft.has_mechanism)
    return wrong_use(
        fmt::format("sasl.mechanism is set, but security.protocol is {}", draft.protocol),
        "security.protocol=SASL_SSL or SASL_PLAINTEXT");
  if (login && security.user.empty() && security.sasl != kafka::SaslMechanism::kOther)
    return wrong_use("a login needs a user",
                     "sasl.username and sasl.password, or sasl.jaas.config with both");
  return Done{};
}

}  // namespace

Status read_properties(const std::string& path, Properties& into) {
  std::ifstream file(path);
  if (file) file.peek();  // a folder opens like a file
  if (!file.eof() && !file)
    return wrong_use(fmt::format("the client properties {} cannot be read", path));
  file.clear();
  std::string read;
  for (int number = 1; std::getline(file, read); ++number) {
    const int first = number;
    std::string line(without_indent(read));
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty() || line.front() == '#' || line.front() == '!') continue;
    while (goes_on(line)) {
      line.pop_back();
      if (!std::getline(file, read)) break;
      ++number;
      line += without_indent(read);
      if (line.ends_with('\r')) line.pop_back();
    }
    const std::size_t end = name_end(line);
    std::string_view value = without_indent(std::string_view(line).substr(end));
    if (end == 0 || end == line.size())
      return wrong_use(fmt::format("{}:{}: this is not NAME=VALUE", path, first));
    if (value.starts_with('=') || value.starts_with(':')) value = without_indent(value.substr(1));
    const std::size_t last = value.find_last_not_of(kBlank);  // Java would keep blanks at the end
    value = value.substr(0, last == std::string_view::npos ? 0 : last + 1);
    into[unescaped(std::string_view(line).substr(0, end))] = {unescaped(value),
                                                              fmt::format("{}:{}", path, first)};
  }
  return Done{};
}

std::vector<Error> apply_properties(const Properties& properties, kafka::ClientSettings& into) {
  std::vector<Error> wrong;
  Draft draft;
  for (const auto& [name, property] : properties) {
    Status applied = apply(name, property.value, draft, into);
    if (applied) continue;
    Error error = std::move(applied).error();
    error.message = fmt::format("{}: {}", property.origin, error.message);
    wrong.push_back(std::move(error));
  }
  if (!wrong.empty()) return wrong;
  if (Status settled = settle(draft, into.security); !settled)
    wrong.push_back(std::move(settled).error());
  return wrong;
}

}  // namespace ds::cli
