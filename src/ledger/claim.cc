#include "ledger/claim.h"

#include <array>
#include <nlohmann/json.hpp>

#include "base/json_writer.h"
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
    io("started_ms", self.c.started_ms);
    io("ended_ms", self.c.ended_ms);
  }
};

struct StreamJson {
  std::string run;
  std::uint32_t stream;
  std::int32_t partition;
  Ranges acknowledged, written, failed, unknown;

  static void fields(auto& self, auto& io) {
    io("run", self.run);
    io("stream", self.stream);
    io("partition", self.partition);
    io("acknowledged", self.acknowledged);
    io("written", self.written);
    io("failed", self.failed);
    io("unknown", self.unknown);
  }
};

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

void unite_stream_claim(const Json& json, StreamClaim& into) {
  json.at("partition").get_to(into.partition);
  read_ranges(json, "acknowledged", into.acknowledged);
  read_ranges(json, "written", into.written);
  read_ranges(json, "failed", into.failed);
  read_ranges(json, "unknown", into.unknown);
}

}  // namespace

ClaimRecord to_record(const RunClaim& claim) {
  return {"run/" + run_name(claim.run), to_json(RunJson{claim})};
}

std::vector<ClaimRecord> to_records(const StreamClaim& claim) {
  std::vector<ClaimRecord> records;
  StreamJson part{run_name(claim.run), claim.stream, claim.partition, {}, {}, {}, {}};
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
  finish_part();
  return records;
}

Status ClaimBook::add(std::string_view key, std::string_view value) {
  if (value.empty()) return Done{};
  try {
    const Json json = Json::parse(value);
    const std::uint64_t run = read_run(json);
    const std::string run_key = "run/" + run_name(run);
    if (key == run_key) {
      RunClaim claim = read_run_claim(json);
      runs_[run].run = std::move(claim);
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
