#include "web/guard.h"

#include <algorithm>

namespace ds {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(),
                         [](unsigned char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
  return out;
}

}  // namespace

Guard::Guard(const Address& listening) {
  for (const std::string& host :
       {listening.host, std::string("localhost"), std::string("127.0.0.1"), std::string("::1")})
    hosts_.push_back(lower(Address{host, listening.port}.to_string()));
}

bool Guard::is_our_host(std::string_view host) const {
  return std::ranges::find(hosts_, lower(host)) != hosts_.end();
}

std::optional<Refusal> Guard::refuse(const HttpRequest& request) const {
  const auto host = request.header("host");
  if (!host || !is_our_host(*host)) return Refusal{403, "this server is not called that"};

  const bool changes = request.method != "GET" && request.method != "HEAD";
  if (const auto origin = request.header("origin")) {
    constexpr std::string_view kScheme = "http://";
    if (!origin->starts_with(kScheme) || !is_our_host(origin->substr(kScheme.size())))
      return Refusal{403, "requests of other sites are refused"};
  }
  if (const auto site = request.header("sec-fetch-site")) {
    // "none" is a person at the address bar; a link from elsewhere may show the page, no more.
    const bool shows_page = !changes && request.path == "/";
    if (*site != "same-origin" && *site != "none" && !shows_page)
      return Refusal{403, "requests of other sites are refused"};
  }
  if (changes && !request.body.empty()) {
    // A form of another site cannot send this type without asking first.
    const auto type = request.header("content-type");
    if (!type || !lower(*type).starts_with("application/json"))
      return Refusal{415, "send application/json"};
  }
  return std::nullopt;
}

}  // namespace ds
