// The dashboard's past, where the store itself can tell it.
#pragma once

#include <string>

#include "sink/influx_server.h"
#include "sink/sink_settings.h"
#include "web/dashboard.h"

namespace ds::cli {

/// The server that "influx:URL" names (2.x, asked by Flux), or nothing for other sinks.
std::optional<InfluxServer> flux_server(const std::string& sink, const SinkSettings& settings);

/// InfluxDB 2.x tells the past itself: it outlives this machine's data folder. Empty for others.
Dashboard::PastOfStore past_of(const std::string& sink, const SinkSettings& settings);

}  // namespace ds::cli
