#include "sink/make_sink.h"

#include "sink/none_sink.h"

namespace ds {

Result<StoreAs> parse_store_as(std::string_view name) {
  if (name == "raw") return StoreAs::kRaw;
  if (name == "rollup") return StoreAs::kRollup;
  if (name == "both") return StoreAs::kBoth;
  return Error{.code = ErrorCode::kUsage,
               .message = fmt::format("'{}' is no way to store", name),
               .hint = "raw, rollup or both"};
}

std::optional<std::string> sqlite_path(std::string_view sink) {
  constexpr std::string_view kPrefix = "sqlite:";
  if (!sink.starts_with(kPrefix) || sink.size() == kPrefix.size()) return std::nullopt;
  return std::string(sink.substr(kPrefix.size()));
}

Result<std::unique_ptr<Sink>> make_sink(std::string_view name, const SqliteSettings& settings,
                                        const Clock& clock, Log& log) {
  if (const auto path = sqlite_path(name)) {
    auto sink = SqliteSink::open(*path, settings, clock, log);
    if (!sink) return std::move(sink).error();
    return std::unique_ptr<Sink>(std::move(sink).value());
  }
  if (name == "none" || name == "stdout") {
    if (settings.store != StoreAs::kRaw)
      return Error{.code = ErrorCode::kUsage,
                   .message = fmt::format("the sink {} has no rollups", name),
                   .hint = "use --store raw, or --sink sqlite:PATH"};
    if (name == "none") return std::unique_ptr<Sink>(new NoneSink(settings.decode));
    return std::unique_ptr<Sink>(new StdoutSink(stdout, settings.decode));
  }
  return Error{.code = ErrorCode::kUsage,
               .message = fmt::format("there is no sink '{}'", name),
               .hint = "this build stores into sqlite:PATH, none or stdout"};
}

}  // namespace ds
