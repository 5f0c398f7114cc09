// The gateway: a server of its own for the webhook, with health and metrics beside it.
//
//   auto gateway = Gateway::start({.listen = {"127.0.0.1", 3000}, .path = "/hook", .hook = …}, …);
//   (*gateway)->drain(8 * kSecond);      // answers what was asked, then ends
#pragma once

#include <memory>
#include <string>

#include "web/hook.h"

namespace ds {

struct GatewaySettings {
  Address listen{"127.0.0.1", 3000};
  std::string path = "/hook";
  HttpLimits limits;
  HookSettings hook;
};

/// Threads: any but its own lane.
class Gateway {
 public:
  static Result<std::unique_ptr<Gateway>> start(GatewaySettings settings, const Clock& clock,
                                                Log& log);
  ~Gateway();

  const Address& address() const { return address_; }
  Hook& hook() { return *hook_; }
  HttpCounters http() { return server_->counters(); }
  /// Serves on for `grace`, telling clients to close, so that nobody's next request meets a closed
  /// door; then accepts nothing more and answers what was asked. Returns how many were not.
  std::size_t drain(Nanos grace, Nanos timeout);

 private:
  Gateway(GatewaySettings settings, const Clock& clock)
      : settings_(std::move(settings)), lane_("gateway", clock) {}
  void serve(const HttpRequest& request, HttpResponder answer);

  const GatewaySettings settings_;
  Address address_;
  Lane lane_;
  std::unique_ptr<Hook> hook_;
  std::unique_ptr<HttpServer> server_;
};

}  // namespace ds
