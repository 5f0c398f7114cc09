#include "ledger/claim.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/json_writer.h"
#include "base/whole_number.h"
#include "record/identity.h"

namespace ds {
namespace {

using Json = nlohmann::json;
using Ranges = std::vector<std::array<std::uint64_t, 2>>;

/// A part's room for ranges; the largest range is 2 x 15 digits and four signs.
constexpr std::size_t kRangesPerPart = (kClaimBytesMax - 1024) / 34;

struct RunJson {
  const RunClaim& c;

  static void fields(auto& self, auto& io) {
    io("v", kClaimVersion);
    io("run", run_name(self.c.run));
    io("topic", self.c.topic);
    io("partitions", self.c.partitions);
    io("streams", self.c.streams);
    io("batch_size", self.c.batch_size);
    io("seed", self.c.seed);
    io("payload", self.c.payload);
    io("settings", self.c.settings);
    io("engine", self.c.engine);
    io("acks", self.c.acks);
    io("placing", self.c.placing);
    io("tombstones", self.c.tombstones);
    io("brands", self.c.brands);
    io("pool", self.c.pool);
    io("mixes", self.c.mixes);
    io("started_ms", self.c.started_ms);
    io("ended_ms", self.c.ended_ms);
  }
};

struct StreamJson {
  std::string run;
  std::uint32_t stream;
  std::int32_t partition;
  Ranges acknowledged, written, failed, unknown, aborted;

  static void fields(auto& self, auto& io) {
    io("run", self.run);
    io("stream", self.stream);
    io("partition", self.partition);
    io("acknowledged", self.acknowledged);
    io("written", self.written);
    io("failed", self.failed);
    io("unknown", self.unknown);
    io("aborted", self.aborted);
  }
};

struct CurveJson {
  const CurveClaim& c;

  static void fields(auto& self, auto& io) {
    io("v", kClaimVersion);
    io("run", run_name(self.c.run));
    io("curve", self.c.shard);
    io("part", self.c.part);
    io("t_ms", self.c.t_ms);
    io("scheduled", self.c.scheduled);
    io("delivered", self.c.delivered);
  }
};

struct SpacingJson {
  const SpacingClaim& c;

  static void fields(auto& self, auto& io) {
    std::vector<std::array<std::uint64_t, 3>> bars;
    for (const Histogram::Bar& bar : self.c.bars)
      bars.push_back(
          {static_cast<std::uint64_t>(bar.from), static_cast<std::uint64_t>(bar.to), bar.count});
    io("v", kClaimVersion);
    io("run", run_name(self.c.run));
    io("spacing", self.c.shard);
    io("wanted_us", self.c.wanted_us);
    io("bars_ns", bars);
  }
};

std::string spacing_key(const SpacingClaim& claim) {
  return fmt::format("run/{}/spacing/{}", run_name(claim.run), claim.shard);
}

std::string curve_key(const CurveClaim& claim) {
  return fmt::format("run/{}/curve/{}/{}", run_name(claim.run), claim.shard, claim.part);
}

/// [brand, sentiment, count, sum]
struct SumJson {
  const KindName& name;
  const KindSum& total;
};

/// Written by hand: the rows of sums are not all of one type.
std::string window_json(const WindowClaim& c, const Ranges& delivered, const Ranges& unknown,
                        const std::vector<SumJson>& sums,
                        const std::vector<SumJson>& unknown_sums) {
  std::string out = fmt::format(
      R"({{"v":{},"run":"{}","stream":{},"partition":{},"window":{},"seconds":{},"delivered":)",
      kClaimVersion, run_name(c.run), c.stream, c.partition, c.window, c.seconds);
  JsonWriter writer(out);
  const auto put_sums = [&](const std::vector<SumJson>& rows) {
    out += '[';
    for (const SumJson& row : rows) {
      out += &row == rows.data() ? "[" : ",[";
      append_json_string(out, row.name.brand);
      out += ',';
      append_json_string(out, row.name.sentiment);
      out += fmt::format(",{},\"{:016x}\"]", row.total.count, row.total.sum);
    }
    out += ']';
  };
  writer.put(delivered);
  out += ",\"unknown\":";
  writer.put(unknown);
  out += ",\"sums\":";
  put_sums(sums);
  out += ",\"unknown_sums\":";
  put_sums(unknown_sums);
  out += '}';
  return out;
}

Error not_a_claim(std::string_view key, std::string_view why) {
  return Error{
      .code = ErrorCode::kCorrupt,
      .message = fmt::format("'{}' in {} is not a claim: {}", key.substr(0, 100), kRunsTopic, why)};
}

// What follows throws Json::exception on a missing or wrong field; ClaimBook::add() catches it.

std::uint64_t read_run(const Json& json) {
  const std::string& name = json.at("run").get_ref<const std::string&>();
  std::uint64_t run = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), run, 16);
  if (error != std::errc() || name != run_name(run))
    throw Json::other_error::create(500, "run is not twelve hex digits", nullptr);
  return run;
}

/// Later versions may mean something else by the same words.
bool of_a_later_version(const Json& json) {
  return json.value("v", 1) > kClaimVersion;
}

RunClaim read_run_claim(const Json& json) {
  RunClaim claim;
  claim.run = read_run(json);
  json.at("topic").get_to(claim.topic);
  json.at("partitions").get_to(claim.partitions);
  json.at("streams").get_to(claim.streams);
  json.at("batch_size").get_to(claim.batch_size);
  json.at("seed").get_to(claim.seed);
  json.at("payload").get_to(claim.payload);
  json.at("settings").get_to(claim.settings);
  json.at("engine").get_to(claim.engine);
  json.at("acks").get_to(claim.acks);
  claim.placing = json.value("placing", claim.placing);
  claim.tombstones = json.value("tombstones", 0.0);
  if (json.contains("mixes")) {  // since version 2
    for (const Json& brand : json.at("brands"))
      claim.brands.push_back({brand.at("name"), brand.at("weight")});
    json.at("pool").get_to(claim.pool);
    for (const Json& mix : json.at("mixes"))
      claim.mixes.push_back({mix.at("from_batch"), mix.at("shares"), mix.at("volatile"),
                             mix.at("factor"), mix.at("seed")});
  }
  json.at("started_ms").get_to(claim.started_ms);
  json.at("ended_ms").get_to(claim.ended_ms);
  return claim;
}

void read_ranges(const Json& json, const char* name, IntervalSet& into) {
  for (const Json& range : json.at(name)) {
    const auto [begin, end] = range.get<std::array<std::uint64_t, 2>>();
    if (begin >= end || end > kSequenceMax + 1)
      throw Json::other_error::create(500, "a range ends before it begins", nullptr);
    into.add(begin, end);
  }
}

void read_window_ranges(const Json& json, const char* name, std::vector<Interval>& into) {
  for (const Json& range : json.at(name)) {
    const auto [begin, end] = range.get<std::array<std::uint64_t, 2>>();
    if (begin >= end || end > kSequenceMax + 1)
      throw Json::other_error::create(500, "a range ends before it begins", nullptr);
    add_range(into, {begin, end});
  }
}

std::uint16_t intern(std::vector<KindName>& names, KindName name) {
  auto at = std::ranges::find(names, name);
  if (at == names.end()) at = names.insert(names.end(), std::move(name));
  return static_cast<std::uint16_t>(at - names.begin());
}

void read_sums(const Json& json, const char* name, std::vector<KindName>& names,
               std::vector<KindTotal>& into) {
  for (const Json& row : json.at(name)) {
    const std::string& hex = row.at(3).get_ref<const std::string&>();
    KindSum total{.count = row.at(2)};
    const auto [end, error] = std::from_chars(hex.data(), hex.data() + hex.size(), total.sum, 16);
    if (error != std::errc() || end != hex.data() + hex.size() || hex.size() != 16)
      throw Json::other_error::create(500, "a sum is not sixteen hex digits", nullptr);
    add_total(into, intern(names, {row.at(0), row.at(1)}), total);
  }
}

WindowClaim read_window_claim(const Json& json, std::vector<KindName>& names) {
  WindowClaim claim;
  claim.run = read_run(json);
  json.at("stream").get_to(claim.stream);
  json.at("partition").get_to(claim.partition);
  json.at("window").get_to(claim.window);
  json.at("seconds").get_to(claim.seconds);
  if (claim.seconds != kWindowSeconds && claim.seconds != kFoldedSeconds)
    throw Json::other_error::create(500, "a window is a second or an hour", nullptr);
  read_window_ranges(json, "delivered", claim.delivered);
  read_window_ranges(json, "unknown", claim.unknown);
  read_sums(json, "sums", names, claim.kinds);
  read_sums(json, "unknown_sums", names, claim.unknown_kinds);
  return claim;
}

CurveClaim read_curve_claim(const Json& json) {
  CurveClaim claim{.run = read_run(json),
                   .shard = json.at("curve"),
                   .part = json.at("part"),
                   .t_ms = json.at("t_ms"),
                   .scheduled = json.at("scheduled"),
                   .delivered = json.at("delivered")};
  if (claim.t_ms.size() != claim.scheduled.size() || claim.t_ms.size() != claim.delivered.size())
    throw Json::other_error::create(500, "a curve's columns are not equally long", nullptr);
  return claim;
}

SpacingClaim read_spacing_claim(const Json& json) {
  SpacingClaim claim{
      .run = read_run(json), .shard = json.at("spacing"), .wanted_us = json.at("wanted_us")};
  for (const Json& bar : json.at("bars_ns")) {
    const auto [from, to, count] = bar.get<std::array<std::int64_t, 3>>();
    if (from < 0 || to <= from || count < 0)
      throw Json::other_error::create(500, "a bar ends before it begins", nullptr);
    claim.bars.push_back({from, to, static_cast<std::uint64_t>(count)});
  }
  return claim;
}

/// The number after the last slash.
std::optional<std::uint32_t> part_of(std::string_view key) {
  return whole_number<std::uint32_t>(key.substr(key.rfind('/') + 1));
}

void unite_stream_claim(const Json& json, StreamClaim& into) {
  json.at("partition").get_to(into.partition);
  read_ranges(json, "acknowledged", into.acknowledged);
  read_ranges(json, "written", into.written);
  read_ranges(json, "failed", into.failed);
  read_ranges(json, "unknown", into.unknown);
  if (json.contains("aborted")) read_ranges(json, "aborted", into.aborted);
}

}  // namespace

ClaimRecord to_record(const RunClaim& claim) {
  return {"run/" + run_name(claim.run), to_json(RunJson{claim})};
}

std::vector<ClaimRecord> to_records(const StreamClaim& claim) {
  std::vector<ClaimRecord> records;
  StreamJson part{run_name(claim.run), claim.stream, claim.partition, {}, {}, {}, {}, {}};
  const StreamJson empty = part;
  std::size_t ranges = 0;
  const auto finish_part = [&] {
    records.push_back(
        {fmt::format("run/{}/stream/{}/{}", part.run, part.stream, records.size()), to_json(part)});
    part = empty;
    ranges = 0;
  };
  const auto add = [&](const IntervalSet& set, Ranges StreamJson::*to) {
    for (const Interval range : set.intervals()) {
      if (ranges == kRangesPerPart) finish_part();
      (part.*to).push_back({range.begin, range.end});
      ++ranges;
    }
  };
  add(claim.acknowledged, &StreamJson::acknowledged);
  add(claim.written, &StreamJson::written);
  add(claim.failed, &StreamJson::failed);
  add(claim.unknown, &StreamJson::unknown);
  add(claim.aborted, &StreamJson::aborted);
  finish_part();
  return records;
}

std::vector<ClaimRecord> to_records(const WindowClaim& claim, const std::vector<KindName>& names) {
  std::vector<ClaimRecord> records;
  Ranges delivered, unknown;
  std::vector<SumJson> sums, unknown_sums;
  std::size_t bytes = 0;
  const auto finish_part = [&] {
    const auto part = claim.part * kPartsPerClaim + static_cast<std::uint32_t>(records.size());
    records.push_back(
        {window_key(claim, part), window_json(claim, delivered, unknown, sums, unknown_sums)});
    delivered.clear(), unknown.clear(), sums.clear(), unknown_sums.clear();
    bytes = 0;
  };
  const auto make_room = [&](std::size_t more) {
    if (bytes + more > kClaimBytesMax - 1024) finish_part();
    bytes += more;
  };
  const auto add_ranges = [&](const std::vector<Interval>& from, Ranges& to) {
    for (const Interval range : from) {
      make_room(34);
      to.push_back({range.begin, range.end});
    }
  };
  const auto add_sums = [&](const std::vector<KindTotal>& from, std::vector<SumJson>& to) {
    for (const KindTotal& each : from) {
      const KindName& name = names[each.kind];
      make_room(6 * (name.brand.size() + name.sentiment.size()) + 48);  // all of it escaped
      to.push_back({name, each.total});
    }
  };
  add_ranges(claim.delivered, delivered);
  add_ranges(claim.unknown, unknown);
  add_sums(claim.kinds, sums);
  add_sums(claim.unknown_kinds, unknown_sums);
  finish_part();
  return records;
}

std::vector<ClaimRecord> to_records(const RunClaim& run, const ClaimChanges& changes) {
  std::vector<ClaimRecord> records{to_record(run)};
  std::vector<std::string> brands;
  for (const BrandClaim& brand : run.brands) brands.push_back(brand.name);
  const std::vector<KindName> names = kind_names(brands);
  const auto append = [&](std::vector<ClaimRecord> more) {
    std::ranges::move(more, std::back_inserter(records));
  };
  for (const StreamClaim& claim : changes.streams) append(to_records(claim));
  for (const WindowClaim& claim : changes.windows) append(to_records(claim, names));
  for (const CurveClaim& curve : changes.curves)
    records.push_back({curve_key(curve), to_json(CurveJson{curve})});
  for (const SpacingClaim& spacing : changes.spacings)
    records.push_back({spacing_key(spacing), to_json(SpacingJson{spacing})});
  for (const ClosedWindow& gone : changes.gone) {
    WindowClaim claim;
    claim.run = gone.run;
    claim.stream = gone.stream;
    claim.partition = gone.partition;
    claim.window = gone.window;
    for (std::uint32_t i = 0; i < gone.records; ++i)
      records.push_back({window_key(claim, gone.part * kPartsPerClaim + i), ""});
  }
  return records;
}

void ClaimBook::forget(std::string_view key) {
  // run/<run>/window/<window>/stream/<stream>/partition/<partition>/<part>
  std::array<std::string_view, 9> words;
  std::size_t count = 0;
  for (; count < words.size() && !key.empty(); ++count) {
    const std::size_t slash = std::min(key.find('/'), key.size());
    words[count] = key.substr(0, slash);
    key.remove_prefix(std::min(slash + 1, key.size()));
  }
  if (count != words.size() || words[0] != "run" || words[2] != "window") return;
  const auto number = [](std::string_view digits, auto value, int base = 10) {
    std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    return value;
  };
  const auto run = runs_.find(number(words[1], std::uint64_t{0}, 16));
  if (run == runs_.end()) return;
  run->second.windows.erase({number(words[5], std::uint32_t{0}), kWindowSeconds,
                             number(words[3], std::int64_t{0}),
                             number(words[8], std::uint32_t{0})});
}

Status ClaimBook::add(std::string_view key, std::string_view value) {
  if (value.empty()) {
    forget(key);
    return Done{};
  }
  try {
    const Json json = Json::parse(value);
    if (of_a_later_version(json))
      return not_a_claim(key, fmt::format("it was made by a later DataStorm (claims {}, known are "
                                          "{}); verify with that one",
                                          json.value("v", 1), kClaimVersion));
    const std::uint64_t run = read_run(json);
    const std::string run_key = "run/" + run_name(run);
    if (key == run_key) {
      RunClaim claim = read_run_claim(json);
      runs_[run].run = std::move(claim);
      return Done{};
    }
    if (json.contains("curve")) {
      CurveClaim claim = read_curve_claim(json);
      if (key != curve_key(claim)) return not_a_claim(key, "its value is another's");
      ClaimedRun& claimed = runs_[run];
      claimed.run.run = run;
      claimed.curves[{claim.shard, claim.part}] = std::move(claim);
      return Done{};
    }
    if (json.contains("spacing")) {
      SpacingClaim claim = read_spacing_claim(json);
      if (key != spacing_key(claim)) return not_a_claim(key, "its value is another's");
      ClaimedRun& claimed = runs_[run];
      claimed.run.run = run;
      claimed.spacings[claim.shard] = std::move(claim);
      return Done{};
    }
    if (json.contains("window")) {
      ClaimedRun& claimed = runs_[run];
      claimed.run.run = run;
      WindowClaim claim = read_window_claim(json, claimed.kinds);
      const auto part = part_of(key);
      if (!part || key != window_key(claim, *part))
        return not_a_claim(key, "its value is another's");
      claim.part = *part;
      claimed.windows[{claim.stream, claim.seconds, claim.window, *part}] = std::move(claim);
      return Done{};
    }
    const std::uint32_t stream = json.at("stream").get<std::uint32_t>();
    if (!key.starts_with(fmt::format("{}/stream/{}/", run_key, stream)))
      return not_a_claim(key, "its value is another's");
    // Read apart, so that a claim that is half sound changes nothing.
    StreamClaim read;
    unite_stream_claim(json, read);
    ClaimedRun& claimed = runs_[run];
    claimed.run.run = run;
    StreamClaim& into = claimed.streams[stream];
    into.run = run;
    into.stream = stream;
    into.partition = read.partition;
    into.acknowledged.add(read.acknowledged);
    into.written.add(read.written);
    into.failed.add(read.failed);
    into.unknown.add(read.unknown);
    into.aborted.add(read.aborted);
  } catch (const Json::exception& e) {
    return not_a_claim(key, e.what());
  }
  return Done{};
}

const ClaimedRun* ClaimBook::latest() const {
  const ClaimedRun* latest = nullptr;
  for (const auto& [id, run] : runs_)
    if (latest == nullptr || run.run.started_ms >= latest->run.started_ms) latest = &run;
  return latest;
}

const ClaimedRun* ClaimBook::find(std::uint64_t run) const {
  const auto found = runs_.find(run);
  return found == runs_.end() ? nullptr : &found->second;
}

}  // namespace ds
