// Who may talk to the dashboard: closed by default. A pure function of a request's facts, so that
// a table can hold it (guard_test.cc).
//
// What it keeps out: pages of other sites that a browser with the dashboard open might visit. They
// can send requests to 127.0.0.1, so loopback alone protects nothing; what they cannot forge is the
// Host header (against DNS names that resolve to loopback), Origin and Sec-Fetch-Site.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/http.h"
#include "net/socket.h"

namespace ds {

struct Refusal {
  int status;
  std::string reason;
};

class Guard {
 public:
  /// Hosts that name this server: its own address, and localhost on the same port.
  explicit Guard(const Address& listening);

  /// Nothing when the request may pass.
  std::optional<Refusal> refuse(const HttpRequest& request) const;

 private:
  bool is_our_host(std::string_view host) const;

  std::vector<std::string> hosts_;  // "127.0.0.1:3000", lower case
};

}  // namespace ds
