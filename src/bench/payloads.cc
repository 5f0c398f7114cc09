// How fast one core makes finished record batches of each payload, checksum, identity and the
// ledger's sums included, against tweets in the same buffers. They take turns of some batches; a
// figure is the median batch of a run, as in the suite encode. The payloads look like what people
// send: an order of some 250 bytes as a template, by an Avro schema, as JSON and as Protobuf.
#include <algorithm>
#include <filesystem>
#include <fstream>

#include "bench/storm_rig.h"
#include "bench/suite.h"
#include "storm/pooled_filler.h"
#include "storm/tweet_filler.h"

namespace ds {
namespace {

constexpr std::size_t kBufferBytes = 1'048'576, kSlots = 4, kVariants = 1024;
constexpr std::uint32_t kBatch = 4000;  // of the largest payload here so many fit into a slot
constexpr int kTurn = 16;               // batches

constexpr const char* kTemplate =
    R"({"id":{{sequence}},"at":"{{timestamp iso}}","user":"u{{zipf 1.1 100000}}",)"
    R"("price":{{normal 20 5 decimals=2 min=0}},"colour":"{{choice red:3 green blue}}",)"
    R"("note":"{{words 8 16}}","trace":"{{uuid}}"})";

constexpr const char* kAvro = R"({"type":"record","name":"Order","fields":[
  {"name":"id","type":{"type":"long","ds":{"role":"sequence"}}},
  {"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}},
  {"name":"user","type":"string"},{"name":"price","type":"double"},
  {"name":"note","type":{"type":"string","ds":{"length":[60,120]}}},
  {"name":"tags","type":{"type":"array","items":"string"}},
  {"name":"parent","type":["null","long"]},{"name":"trace","type":{"type":"string","logicalType":"uuid"}}]})";

constexpr const char* kJson =
    R"({"type":"object","required":["id","user","price","note"],"properties":{
  "id":{"type":"integer","ds":{"role":"sequence"}},"user":{"type":"string"},
  "at":{"type":"string","ds":{"role":"timestamp"}},"price":{"type":"number","minimum":0},
  "note":{"type":"string","minLength":60,"maxLength":120},"tags":{"type":"array","items":{"type":"string"}}}})";

constexpr const char* kProto = R"(syntax = "proto3";
import "google/protobuf/timestamp.proto";
message Order {
  int64 id = 1;  // ds: {"role": "sequence"}
  google.protobuf.Timestamp at = 2;
  string user = 3;
  double price = 4;
  string note = 5;  // ds: {"length": [60, 120]}
  repeated string tags = 6;
}
)";

struct Case {
  const char* name;
  std::string payload;
  std::size_t variants = kVariants;
};

double median_seconds(std::vector<Nanos>& times) {
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::ranges::nth_element(times, middle);
  return static_cast<double>(*middle) / 1e9;
}

/// A batch of either into a slot; how many bytes it has per second, by turns.
class Race {
 public:
  Race(const BenchContext& context, Filler& tweets, Filler& payload)
      : context_(context), fillers_{&tweets, &payload}, buffers_(kSlots, ByteVec(kBufferBytes)) {}

  struct Outcome {
    std::vector<double> rates, bandwidths, ratios;
    double record_bytes = 0;
  };
  Outcome run() {
    Outcome outcome;
    for (int run = -1; run < context_.runs; ++run) {  // the first warms up
      std::vector<Nanos> times[2];
      double bytes[2] = {}, records[2] = {};
      for (const Nanos end = context_.clock.now() + context_.duration; context_.clock.now() < end;)
        for (std::size_t who = 0; who < 2; ++who) turn(who, times[who], bytes[who], records[who]);
      if (run < 0) continue;
      double bandwidth[2];
      for (std::size_t who = 0; who < 2; ++who)
        bandwidth[who] =
            bytes[who] / static_cast<double>(times[who].size()) / median_seconds(times[who]) / 1e9;
      outcome.record_bytes = bytes[1] / records[1];
      outcome.bandwidths.push_back(bandwidth[1]);
      outcome.rates.push_back(bandwidth[1] * 1e3 / outcome.record_bytes);
      outcome.ratios.push_back(bandwidth[1] / bandwidth[0]);
    }
    return outcome;
  }

 private:
  void turn(std::size_t who, std::vector<Nanos>& times, double& bytes, double& records) {
    Nanos begun = context_.clock.now();
    for (int i = 0; i < kTurn; ++i, ++batch_) {
      const Filled filled = fillers_[who]->fill({.batch = batch_,
                                                 .mix_batch = batch_,
                                                 .count = kBatch,
                                                 .timestamp_ms = 1'763'700'000'000},
                                                buffers_[batch_ % kSlots]);
      const Nanos done = context_.clock.now();
      times.push_back(done - begun);
      begun = done;
      bytes += filled.bytes;
      records += filled.records;
    }
  }

  const BenchContext& context_;
  Filler* const fillers_[2];
  std::vector<ByteVec> buffers_;
  std::uint64_t batch_ = 0;
};

}  // namespace

Rows bench_payloads(const BenchContext& context) {
  const std::filesystem::path folder(context.folder);
  const auto kept = [&](const char* name, const char* text) {
    std::ofstream(folder / name) << text;
    return (folder / name).string();
  };
  const Case cases[] = {
      {"template", "template:" + kept("order.tpl", kTemplate)},
      {"avro", "schema:" + kept("order.avsc", kAvro)},
      {"json schema", "schema:" + kept("order.json", kJson)},
      {"protobuf", "protobuf:" + kept("order.proto", kProto)},
      {"reading", "reading"},
      {"random:100", "random:100"},
      {"random:1000,50%", "random:1000,50%"},
      {"template, each drawn afresh", "template:" + (folder / "order.tpl").string(), 0},
  };
  const TweetGenerator generator(TweetSettings{.numbering = {.batch_size = kBatch}});
  const MixBook mixes(usual_mix());
  std::vector<BenchRow> rows;
  for (const auto& [name, payload, variants] : cases) {
    auto opened = open_payload(payload, {.seed = 1});
    if (!opened) return std::move(opened).error();
    TweetFiller tweets({.run = 1}, generator, mixes);
    PooledFiller filler({.run = 1, .batch_size = kBatch},
                        make_pool(std::move(opened).value(), {}, variants));
    const Race::Outcome outcome = Race(context, tweets, filler).run();
    const Conditions conditions{
        .record_bytes = outcome.record_bytes,
        .codec = "none",
        .engine = "direct",
        .more = fmt::format("one core, batches of up to {}, pool of {}, CRC and sums included; "
                            "median batch",
                            kBatch, variants)};
    rows.push_back(row_of(std::string(name), "M records/s", outcome.rates, conditions));
    rows.push_back(row_of(fmt::format("{}, bytes", name), "GB/s", outcome.bandwidths, conditions));
    BenchRow ratio = row_of(fmt::format("{} / tweets, bytes a second", name), "ratio",
                            outcome.ratios, conditions);
    if (variants > 0) ratio = std::move(ratio).with_goal("S3.3", true, 0.3);
    rows.push_back(std::move(ratio));
  }
  return rows;
}

}  // namespace ds
