#include "cli/store_past.h"

#include "observe/flux_history.h"

namespace ds::cli {

std::optional<InfluxServer> flux_server(const std::string& sink, const SinkSettings& settings) {
  constexpr std::string_view kFlux = "influx:";
  if (!sink.starts_with(kFlux)) return std::nullopt;
  const std::string url = sink.substr(kFlux.size());
  auto server =
      InfluxServer::from(InfluxApi::kV2, url.empty() ? settings.influx_url : url, settings);
  if (!server) return std::nullopt;  // whoever reads the sink's name says it in words
  return std::move(*server);
}

Dashboard::PastOfStore past_of(const std::string& sink, const SinkSettings& settings) {
  auto server = flux_server(sink, settings);
  if (!server) return {};
  return
      [history = FluxHistory(std::move(*server), settings.influx_bucket)](
          const HistorySpan& span, const std::string& brand) { return history.read(span, brand); };
}

}  // namespace ds::cli
