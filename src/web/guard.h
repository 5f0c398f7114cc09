// Who may talk to the dashboard: closed by default. A pure function of a request's facts, so that
// tables can hold it (guard_test.cc; tests/fault/dashboard.cc, against a policy written twice).
//
// What it keeps out: pages of other sites that a browser with the dashboard open might visit. They
// can send requests to 127.0.0.1, so loopback alone protects nothing; what they cannot forge is the
// Host header (against DNS names that resolve to us), Origin and Sec-Fetch-Site.
//
// Beyond loopback there is a token too: scripts send it as `Authorization: Bearer TOKEN`, the page
// logs in with it once and gets an HttpOnly cookie. The page itself and the health checks are open;
// they tell nothing.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "net/http.h"
#include "net/socket.h"

namespace ds {

struct Refusal {
  int status;
  std::string reason;
};

struct GuardSettings {
  std::string token;               // empty: none is asked for, which only loopback may
  std::vector<std::string> hosts;  // further names of this server: "dash.example" (any port) or
                                   // "dash.example:8443"; a proxy before it may speak https
};

class Guard {
 public:
  static constexpr std::size_t kTokenLeast = 16;
  static constexpr std::string_view kLoginPath = "/login";

  /// A short token is refused; so is an address beyond loopback without one.
  static Status allows(const Address& listening, const GuardSettings& settings);
  /// Hosts that name this server: its own address, localhost on the same port, and those named.
  /// Beyond loopback any IP address on that port is one too: nobody can make a DNS name of it.
  Guard(const Address& listening, GuardSettings settings);

  /// Nothing when the request may pass.
  std::optional<Refusal> refuse(const HttpRequest& request) const;
  bool has_token() const { return !settings_.token.empty(); }
  bool is_token(std::string_view said) const;
  /// "name=value" of the cookie that stands for the token; it is not the token.
  std::string cookie() const;

 private:
  bool is_our_host(std::string_view host) const;
  bool is_our_origin(std::string_view origin, std::string_view host) const;
  bool is_named(std::string_view host) const;
  bool knows_token(const HttpRequest& request) const;

  Address listening_;
  GuardSettings settings_;
  std::vector<std::string> own_;  // "127.0.0.1:3000", lower case
  std::string cookie_;
};

}  // namespace ds
