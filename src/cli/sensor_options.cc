#include "cli/sensor_options.h"

#include "base/wrong_use.h"

namespace ds::cli {
namespace {

Result<std::optional<SensorsViaHook>> parse_via(const std::string& text) {
  if (text == "kafka") return std::optional<SensorsViaHook>();
  if (text == "hook") return std::optional(SensorsViaHook());  // the one that `up` mounts
  constexpr std::string_view kScheme = "http://";
  const auto wrong = [&] {
    return wrong_use(fmt::format("'{}' is no way to send readings", text),
                     "kafka, or http://HOST:PORT/PATH");
  };
  if (!text.starts_with(kScheme)) return wrong();
  const std::string rest = text.substr(kScheme.size());
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  auto address = parse_address(rest.substr(0, slash), "127.0.0.1", 80);
  if (!address) return wrong();
  SensorsViaHook via;
  via.address = *address;
  via.path = slash < rest.size() ? rest.substr(slash) : "/hook";
  return std::optional(via);
}

}  // namespace

SensorOptions read_sensors(Reader& read, double rate) {
  SensorOptions options;
  SensorSettings& sensors = options.settings;
  const std::uint64_t producers = read.count("producers");
  if (producers < 1 || producers > 10'000'000)
    read.wrong("producers", wrong_use(fmt::format("{} sensors", producers), "1 to 10000000"));
  sensors.producers = static_cast<std::uint32_t>(std::max<std::uint64_t>(producers, 1));
  const double interval_ms = read.quantity("interval-ms");
  if (interval_ms <= 0) read.wrong("interval-ms", wrong_use("not above 0", "100"));
  sensors.rate = rate > 0 ? rate : static_cast<double>(sensors.producers) * 1000 / interval_ms;
  sensors.first_producer = static_cast<std::int64_t>(read.count("first-producer"));
  sensors.distribution = read.take("distribution", parse_distribution(read.text("distribution")));
  sensors.seed = read.count("seed");
  options.hook = read.take("via", parse_via(read.text("via")));
  const std::uint64_t lines = read.count("lines");
  if (lines < 1 || lines > 5000) read.wrong("lines", wrong_use("out of range", "1 to 5000"));
  if (options.hook) options.hook->lines = lines;
  return options;
}

}  // namespace ds::cli
