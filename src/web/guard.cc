#include "web/guard.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>

namespace ds {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(),
                         [](unsigned char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
  return out;
}

bool is_ip(std::string host) {
  std::array<unsigned char, 16> address;
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
    return inet_pton(AF_INET6, host.c_str(), address.data()) == 1;
  }
  return inet_pton(AF_INET, host.c_str(), address.data()) == 1;
}

/// "host:port" into both; without a port the second is empty.
std::pair<std::string_view, std::string_view> split(std::string_view authority) {
  const std::size_t colon = authority.rfind(':');
  if (colon == authority.npos || authority.ends_with(']')) return {authority, {}};
  return {authority.substr(0, colon), authority.substr(colon + 1)};
}

bool same_secret(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string sha256(std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr);
  std::string hex;
  for (unsigned i = 0; i < size; ++i) hex += fmt::format("{:02x}", digest[i]);
  return hex;
}

/// What tells nothing: the page before it has logged in, and whether we live.
bool is_open(const HttpRequest& request) {
  if (request.path == "/healthz" || request.path == "/readyz") return true;
  if (request.path == Guard::kLoginPath) return request.method == "POST";
  const bool data = request.path.starts_with("/api/") || request.path == "/metrics";
  return !data && (request.method == "GET" || request.method == "HEAD");
}

}  // namespace

Status Guard::allows(const Address& listening, const GuardSettings& settings) {
  constexpr const char* kHint =
      "set one of 16 characters or more with DATASTORM_TOKEN or --token (`openssl rand -hex 16` "
      "makes one), or listen on 127.0.0.1";
  if (!settings.token.empty() && settings.token.size() < kTokenLeast)
    return Error{
        .code = ErrorCode::kUsage,
        .message = fmt::format("a token of {} characters can be guessed", settings.token.size()),
        .hint = kHint};
  if (settings.token.empty() && !listening.is_loopback())
    return Error{.code = ErrorCode::kUsage,
                 .message = listening.to_string() + " is not loopback, and no token is set",
                 .hint = kHint};
  return Done{};
}

Guard::Guard(const Address& listening, GuardSettings settings)
    : listening_(listening), settings_(std::move(settings)) {
  for (const std::string& host :
       {listening.host, std::string("localhost"), std::string("127.0.0.1"), std::string("::1")})
    own_.push_back(lower(Address{host, listening.port}.to_string()));
  for (std::string& host : settings_.hosts) host = lower(host);
  // Cookies know no ports: two dashboards of one machine would take each other's away.
  if (has_token())
    cookie_ = fmt::format("datastorm_{}={}", listening.port,
                          sha256("datastorm dashboard session " + settings_.token));
}

std::string Guard::cookie() const {
  return cookie_;
}

bool Guard::is_token(std::string_view said) const {
  return has_token() && same_secret(said, settings_.token);
}

bool Guard::is_named(std::string_view host) const {
  const auto is = [&](const std::string& name) {
    return host == name || split(host).first == name;
  };
  return std::ranges::any_of(settings_.hosts, is);
}

bool Guard::is_our_host(std::string_view said) const {
  const std::string host = lower(said);
  if (std::ranges::find(own_, host) != own_.end() || is_named(host)) return true;
  const auto [name, port] = split(host);
  return !listening_.is_loopback() && port == std::to_string(listening_.port) &&
         is_ip(std::string(name));
}

/// The page of this very address, under whichever of its names.
bool Guard::is_our_origin(std::string_view said, std::string_view said_host) const {
  const std::string origin = lower(said), host = lower(said_host);
  constexpr std::string_view kPlain = "http://", kSafe = "https://";
  if (origin.starts_with(kSafe)) return is_named(std::string_view(origin).substr(kSafe.size()));
  if (!origin.starts_with(kPlain)) return false;
  const std::string_view at = std::string_view(origin).substr(kPlain.size());
  return at == host || std::ranges::find(own_, at) != own_.end() || is_named(at);
}

bool Guard::knows_token(const HttpRequest& request) const {
  constexpr std::string_view kBearer = "bearer ";
  if (const auto said = request.header("authorization");
      said && lower(said->substr(0, kBearer.size())) == kBearer)
    return is_token(said->substr(kBearer.size()));
  for (const auto& [name, value] : request.headers) {
    if (!same_header(name, "cookie")) continue;
    for (std::size_t at = 0; at < value.size();) {
      const std::size_t end = std::min(value.find(';', at), value.size());
      std::string_view one = value.substr(at, end - at);
      while (one.starts_with(' ')) one.remove_prefix(1);
      if (same_secret(one, cookie_)) return true;
      at = end + 1;
    }
  }
  return false;
}

std::optional<Refusal> Guard::refuse(const HttpRequest& request) const {
  const auto host = request.header("host");
  if (!host || request.header_count("host") != 1 || !is_our_host(*host))
    return Refusal{403, "this server is not called that"};

  const bool changes = request.method != "GET" && request.method != "HEAD";
  if (const auto origin = request.header("origin"); origin && !is_our_origin(*origin, *host))
    return Refusal{403, "requests of other sites are refused"};
  if (const auto site = request.header("sec-fetch-site")) {
    // "none" is a person at the address bar; a link from elsewhere may show the page, no more.
    const bool shows_page = !changes && request.path == "/";
    if (*site != "same-origin" && *site != "none" && !shows_page)
      return Refusal{403, "requests of other sites are refused"};
  }
  if (has_token() && !is_open(request) && !knows_token(request))
    return Refusal{401, "this dashboard is protected by a token"};
  if (changes && !request.body.empty()) {
    // A form of another site cannot send this type without asking first.
    const auto type = request.header("content-type");
    if (!type || !lower(*type).starts_with("application/json"))
      return Refusal{415, "send application/json"};
  }
  return std::nullopt;
}

}  // namespace ds
