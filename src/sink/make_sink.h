// A sink from its name on the command line. Adding one is a file, and a line in make_sink.cc.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "sink/sqlite_sink.h"

namespace ds {

/// raw, rollup or both.
Result<StoreAs> parse_store_as(std::string_view name);

/// The path in "sqlite:PATH"; nothing for other sinks.
std::optional<std::string> sqlite_path(std::string_view sink);

/// "sqlite:PATH", "none" or "stdout". The settings are SQLite's.
Result<std::unique_ptr<Sink>> make_sink(std::string_view name, const SqliteSettings& settings,
                                        const Clock& clock, Log& log);

}  // namespace ds
