// A sink from its name on the command line. Adding one is a file, and a line in make_sink.cc.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/log.h"
#include "ledger/stage.h"
#include "sink/sink.h"
#include "sink/sink_settings.h"

namespace ds {

/// raw, rollup or both.
Result<StoreAs> parse_store_as(std::string_view name);

/// The path in "sqlite:PATH"; nothing for other sinks.
std::optional<std::string> sqlite_path(std::string_view sink);

/// A URL, or a sink with one, as people may see it.
std::string without_password(std::string_view url);

/// "sqlite:PATH", "influx:URL" and so on; without what follows the colon the settings say it.
Result<std::unique_ptr<Sink>> make_sink(std::string_view name, const SinkSettings& settings,
                                        const Clock& clock, Log& log);

/// What reads such a store back, for verify; refuses one that keeps nothing, or cannot be asked.
Result<std::unique_ptr<StageReader>> make_reader(std::string_view name,
                                                 const SinkSettings& settings);

/// Whether somebody can make a sink of that name: checked before anything is reached.
Status check_sink_name(std::string_view name, const SinkSettings& settings);
/// Whether such a store can be read back at all: the same for make_reader().
Status check_readable(std::string_view name, const SinkSettings& settings);

}  // namespace ds
