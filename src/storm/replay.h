// The times that a recorded file's lines have, so that its records are sent again as they came:
//
//   {"at":"2026-11-25T10:00:00.250Z","price":12}      replay "at": a field of each line's JSON
//   2026-11-25 10:00:00.250 GET /index.html           replay "first-word": what the line begins
//   with
//
// Times are ISO 8601 (without a zone UTC) or numbers. A number's unit follows from the first one's
// size, as those of clocks since 1970 have it, seconds else; or it is said: s, ms, us, ns.
#pragma once

#include <optional>
#include <string_view>

#include "base/result.h"
#include "storm/schedule.h"

namespace ds {

/// `how`: "FIELD [UNIT] [xSPEED]"; x2 plays it in half the time, x0.5 stretches it to twice. The
/// first line is due at once; a line whose time is before the one above is due together with it.
/// What is wrong is told with the line.
Result<Schedule> read_replay(const std::string& path, std::string_view how);

/// Nanoseconds since 1970: "2026-11-25T10:00:00.25+01:00".
std::optional<Nanos> parse_iso_time(std::string_view text);

}  // namespace ds
