#include "cli/broker_security.h"

#include <cstdlib>

#include "net/files.h"

namespace ds::cli {
namespace {

using kafka::broker::Access;
using kafka::broker::BrokerSettings;
using kafka::broker::Listener;
using kafka::broker::Users;

// Passwords do not stand in arguments, which others can read; nor in a setting, which is printed.
constexpr const char* kUsersVariable = "DATASTORM_BROKER_USERS";

/// "alice:secret,bob:secret"; what is wrong is told without the passwords.
Status add_users_of_environment(Users& users) {
  const char* const given = std::getenv(kUsersVariable);
  std::string_view rest = given ? given : "";
  while (!rest.empty()) {
    const std::string_view entry = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), entry.size() + 1));
    const auto colon = entry.find(':');
    if (colon == entry.npos)
      return Error{.code = ErrorCode::kUsage,
                   .message = fmt::format("{} is not NAME:PASSWORD with commas", kUsersVariable)};
    if (auto set = users.set(std::string(entry.substr(0, colon)), entry.substr(colon + 1)); !set)
      return std::move(set).error().while_trying(fmt::format("take {}", kUsersVariable));
  }
  return Done{};
}

Result<std::string> read_setting_file(const std::string& path) {
  RealFiles files;
  auto text = read_file(files, path);
  if (text) return text;
  return Error{.code = ErrorCode::kUsage, .message = text.error().message};
}

template <typename T>
Result<T> parse_file(const std::string& path) {
  auto text = read_setting_file(path);
  if (!text) return std::move(text).error();
  return T::parse(*text, path);
}

}  // namespace

void read_broker_security(Reader& read, std::string_view listen, BrokerSettings& settings) {
  settings.tls = {.certificate_file = read.text("tls-certificate"),
                  .key_file = read.text("tls-key"),
                  .client_ca_file = read.text("tls-client-ca")};
  const auto& tls = settings.tls;
  if (tls.certificate_file.empty() != tls.key_file.empty())
    read.wrong(Error{.code = ErrorCode::kUsage,
                     .message = "--tls-certificate and --tls-key belong together"});
  if (!tls.client_ca_file.empty() && tls.certificate_file.empty())
    read.wrong(Error{.code = ErrorCode::kUsage,
                     .message = "--tls-client-ca needs --tls-certificate and --tls-key"});
  if (const std::string file = read.text("users"); !file.empty())
    settings.users = read.take("users", parse_file<Users>(file));
  if (auto added = add_users_of_environment(settings.users); !added) read.wrong(added.error());
  if (const std::string file = read.text("acl"); !file.empty())
    settings.access = read.take("acl", parse_file<Access>(file));
  settings.advertise = read.text("advertise");
  settings.allow_anonymous = read.on("allow-anonymous");

  const Listener otherwise{
      .address = {}, .tls = !tls.certificate_file.empty(), .login = !settings.users.empty()};
  const std::string text = read.text(listen);
  for (std::size_t at = 0; at <= text.size();) {
    const auto comma = std::min(text.find(',', at), text.size());
    settings.listeners.push_back(read.take(
        listen, Listener::parse(std::string_view(text).substr(at, comma - at), otherwise)));
    at = comma + 1;
  }
}

}  // namespace ds::cli
