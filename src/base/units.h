// Numbers as people write them: "100k", "2M", "1.5s", "16MiB". Used by flags, scenarios and the
// schedule's text form; every refusal says what is allowed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace ds {

/// "250", "100k", "2.5M", "1G" (powers of ten); not negative. What follows must be nothing.
Result<double> parse_quantity(std::string_view text);
/// A whole number with the same suffixes.
Result<std::uint64_t> parse_count(std::string_view text);
/// "150ms", "10s", "1.5m", "2h", "1d", "20us"; a bare number is seconds.
Result<Nanos> parse_duration(std::string_view text);
/// "1048576", "64KiB", "16MiB", "1GiB", "1MB" (KB, MB, GB are powers of ten).
Result<std::uint64_t> parse_size(std::string_view text);

/// 17160000 -> "17,160,000".
std::string with_commas(std::uint64_t value);
/// Seconds -> "00:01:27".
std::string hours_minutes_seconds(double seconds);
/// 1258291 -> "1.2 MiB".
std::string human_bytes(double bytes);

}  // namespace ds
