#include "web/gateway.h"

#include "observe/metrics.h"

namespace ds {

Result<std::unique_ptr<Gateway>> Gateway::start(GatewaySettings settings, const Clock& clock,
                                                Log& log) {
  auto gateway = std::unique_ptr<Gateway>(new Gateway(std::move(settings), clock));
  Gateway& self = *gateway;
  auto hook = Hook::start(self.settings_.hook, self.lane_, clock, log);
  if (!hook) return std::move(hook).error();
  self.hook_ = std::move(*hook);
  self.server_ = std::make_unique<HttpServer>(
      self.lane_, self.settings_.limits,
      [&self](const HttpRequest& request, HttpResponder answer) {
        self.serve(request, std::move(answer));
      },
      log);
  auto address = self.server_->listen(self.settings_.listen);
  if (!address) return std::move(address).error().while_trying("open the gateway (--listen)");
  self.address_ = *address;
  return gateway;
}

Gateway::~Gateway() {
  hook_->stop();  // its answers go while there is a server
  server_.reset();
}

std::size_t Gateway::drain(Nanos grace, Nanos timeout) {
  return server_->drain(timeout, grace);
}

void Gateway::serve(const HttpRequest& request, HttpResponder answer) {
  if (request.path == settings_.path) return hook_->serve(request, std::move(answer));
  const bool reads = request.method == "GET" || request.method == "HEAD";
  // Figures are for this machine alone; the hook is all that others see.
  const bool local = request.peer.is_loopback();
  if (local && reads && request.path == "/metrics")
    return answer.reply(200, kPrometheusType, hook_->prometheus_text());
  if (reads && request.path == "/healthz") return answer.reply(200, "text/plain", "ok\n");
  if (reads && request.path == "/readyz")
    return hook_->ready() ? answer.reply(200, "text/plain", "ok\n")
                          : answer.reply(503, "text/plain", "the broker does not answer\n");
  answer.reply(404, "application/json", "{\"error\":\"there is nothing here\"}\n");
}

}  // namespace ds
