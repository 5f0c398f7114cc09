#include "sink/make_sink.h"

#include <algorithm>

#include "sink/influx_reader.h"
#include "sink/influx_sink.h"
#include "sink/mongo_reader.h"
#include "sink/mongo_sink.h"
#include "sink/none_sink.h"
#include "sink/parallel_sink.h"
#include "sink/sqlite_reader.h"
#include "sink/sqlite_sink.h"

namespace ds {
namespace {

using Made = Result<std::unique_ptr<Sink>>;
using Reader = Result<std::unique_ptr<StageReader>>;

template <typename Opened>
Reader as_reader(Result<std::unique_ptr<Opened>> opened) {
  if (!opened) return std::move(opened).error();
  return std::unique_ptr<StageReader>(std::move(opened).value());
}

template <typename Opened>
Made as_sink(Result<std::unique_ptr<Opened>> opened) {
  if (!opened) return std::move(opened).error();
  return std::unique_ptr<Sink>(std::move(opened).value());
}

const std::string& or_else(const std::string& said, const std::string& otherwise) {
  return said.empty() ? otherwise : said;
}

struct Kind {
  std::string_view name;
  std::string_view usage;
  bool has_rollups;
  bool needs_rest;   // what follows the colon: nothing else says it
  bool has_workers;  // several of it may store at once
  Made (*make)(const std::string& rest, const SinkSettings&, const Clock&, Log&);
  Reader (*read)(const std::string& rest, const SinkSettings&);  // null: it keeps nothing
};

constexpr Kind kKinds[] = {
    {"sqlite", "sqlite:PATH", true, true, false,
     [](const std::string& path, const SinkSettings& settings, const Clock& clock, Log& log) {
       return as_sink(SqliteSink::open(path, settings, clock, log));
     },
     [](const std::string& path, const SinkSettings&) {
       auto opened = SqliteReader::open(path);
       if (!opened) return Reader(std::move(opened).error());
       return Reader(std::make_unique<SqliteReader>(std::move(*opened)));
     }},
    {"influx", "influx:URL", true, false, true,
     [](const std::string& url, const SinkSettings& settings, const Clock& clock, Log&) {
       return as_sink(
           InfluxSink::open(InfluxApi::kV2, or_else(url, settings.influx_url), settings, clock));
     },
     [](const std::string& url, const SinkSettings& settings) {
       return as_reader(
           InfluxReader::open(InfluxApi::kV2, or_else(url, settings.influx_url), settings));
     }},
    {"influx1", "influx1:URL", true, false, true,
     [](const std::string& url, const SinkSettings& settings, const Clock& clock, Log&) {
       return as_sink(
           InfluxSink::open(InfluxApi::kV1, or_else(url, settings.influx_url), settings, clock));
     },
     [](const std::string& url, const SinkSettings& settings) {
       return as_reader(
           InfluxReader::open(InfluxApi::kV1, or_else(url, settings.influx_url), settings));
     }},
    {"mongo", "mongo:URL", true, false, true,
     [](const std::string& url, const SinkSettings& settings, const Clock& clock, Log&) {
       return as_sink(MongoSink::open(or_else(url, settings.mongo_url), settings, clock));
     },
     [](const std::string& url, const SinkSettings& settings) {
       return as_reader(MongoReader::open(or_else(url, settings.mongo_url), settings));
     }},
    {"none", "none", false, false, true,
     [](const std::string&, const SinkSettings& settings, const Clock&, Log&) {
       return Made(std::unique_ptr<Sink>(new NoneSink(settings.decode)));
     },
     nullptr},
    {"stdout", "stdout", false, false, false,
     [](const std::string&, const SinkSettings& settings, const Clock&, Log&) {
       return Made(std::unique_ptr<Sink>(new StdoutSink(stdout, settings.decode)));
     },
     nullptr},
};

std::string usages() {
  std::string all;
  for (std::size_t i = 0; i < std::size(kKinds); ++i)
    all += fmt::format("{}{}",
                       i == 0                      ? ""
                       : i + 1 < std::size(kKinds) ? ", "
                                                   : " or ",
                       kKinds[i].usage);
  return all;
}

struct Named {
  const Kind* kind;
  std::string rest;
};

Result<Named> find(std::string_view sink, const SinkSettings& settings) {
  const std::size_t colon = std::min(sink.find(':'), sink.size());
  const std::string_view name = sink.substr(0, colon);
  const std::string_view rest = colon < sink.size() ? sink.substr(colon + 1) : "";
  const auto kind = std::ranges::find(kKinds, name, &Kind::name);
  if (kind == std::end(kKinds) || (kind->needs_rest && rest.empty()))
    return Error{.code = ErrorCode::kUsage,
                 .message = fmt::format("there is no sink '{}'", sink),
                 .hint = usages()};
  if (settings.store != StoreAs::kRaw && !kind->has_rollups)
    return Error{.code = ErrorCode::kUsage,
                 .message = fmt::format("the sink {} has no rollups", name),
                 .hint = "use --store raw, or --sink sqlite:PATH"};
  return Named{kind, std::string(rest)};
}

}  // namespace

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

std::string without_password(std::string_view url) {
  const auto slashes = url.find("://");
  if (slashes == std::string_view::npos) return std::string(url);
  const auto host = url.find('@', slashes + 3);
  const auto path = url.find('/', slashes + 3);
  if (host == std::string_view::npos || host > path) return std::string(url);
  return std::string(url.substr(0, slashes + 3)) + std::string(url.substr(host + 1));
}

Status check_sink_name(std::string_view name, const SinkSettings& settings) {
  auto named = find(name, settings);
  if (!named) return std::move(named).error();
  return Done{};
}

Result<std::unique_ptr<Sink>> make_sink(std::string_view name, const SinkSettings& settings,
                                        const Clock& clock, Log& log) {
  auto named = find(name, settings);
  if (!named) return std::move(named).error();
  const Kind& kind = *named->kind;
  // A replay suppresses repeats by what its one sink has seen.
  const int workers = kind.has_workers && !settings.replay ? settings.workers : 1;
  std::vector<std::unique_ptr<Sink>> sinks;
  for (int i = 0; i < workers; ++i) {
    auto made = kind.make(named->rest, settings, clock, log);
    if (!made) return std::move(made).error();
    sinks.push_back(std::move(*made));
  }
  if (sinks.size() == 1) return std::move(sinks.front());
  return std::unique_ptr<Sink>(new ParallelSink(std::move(sinks)));
}

Status check_readable(std::string_view name, const SinkSettings& settings) {
  auto named = find(name, settings);
  if (!named) return std::move(named).error();
  if (named->kind->read != nullptr) return Done{};
  return Error{.code = ErrorCode::kUsage,
               .message = fmt::format("'{}' keeps nothing that could be read back", name),
               .hint = "sqlite:PATH, influx:URL, influx1:URL or mongo:URL"};
}

Result<std::unique_ptr<StageReader>> make_reader(std::string_view name,
                                                 const SinkSettings& settings) {
  if (auto readable = check_readable(name, settings); !readable) return std::move(readable).error();
  const Named named = *find(name, settings);
  return named.kind->read(named.rest, settings);
}

}  // namespace ds
