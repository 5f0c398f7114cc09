#include "storm/preset.h"

#include <algorithm>

namespace ds {

std::string_view Preset::at(std::string_view setting) const {
  const auto found = std::ranges::find(settings, setting, &decltype(settings)::value_type::first);
  return found == settings.end() ? std::string_view() : found->second;
}

std::span<const Preset> all_presets() {
  // The old system sent by its language's binding of librdkafka, a batch a worker and millisecond.
  static const std::vector<Preset> presets{
      {.name = "v0",
       .about = "one record at a time, each after the last one's answer",
       .settings = {{"engine", "librdkafka"},
                    {"workers", "1"},
                    {"batch-size", "100"},
                    {"batch-interval-ms", "1"},
                    {"one-by-one", "true"},
                    {"pool", "0"},
                    {"partitions", "1"},
                    {"linger", "0"}}},
      {.name = "v1",
       .about = "worker threads, each record serialised afresh",
       .settings = {{"engine", "librdkafka"},
                    {"workers", "4"},
                    {"batch-interval-ms", "1"},
                    {"pool", "0"},
                    {"partitions", "4"},
                    {"linger", "50ms"}}},
      {.name = "v2",
       .about = "worker threads, records serialised beforehand",
       .settings = {{"engine", "librdkafka"},
                    {"workers", "4"},
                    {"batch-interval-ms", "1"},
                    {"pool", "1024"},
                    {"partitions", "4"},
                    {"linger", "50ms"}}},
      {.name = "v3",
       .about = "pre-serialised, over 32 partitions of four brokers",
       .brokers = 4,
       .settings = {{"engine", "librdkafka"},
                    {"workers", "4"},
                    {"batch-interval-ms", "1"},
                    {"pool", "1024"},
                    {"partitions", "32"},
                    {"linger", "50ms"}}},
      // Its 4 GB of buffer are a bound of librdkafka's queue; what is not used costs nothing.
      {.name = "v4",
       .about = "four brokers and workers: LZ4, 16 MB batches, linger 25 ms, 200 in flight",
       .brokers = 4,
       .settings = {{"engine", "librdkafka"},
                    {"workers", "16"},
                    {"batch-interval-ms", "1"},
                    {"pool", "1024"},
                    {"partitions", "32"},
                    {"compression", "lz4"},
                    {"batch-bytes", "16MiB"},
                    {"property", "batch.size=16777216"},
                    {"linger", "25ms"},
                    {"in-flight", "200"},
                    {"buffer-memory", "4GiB"}}},
      {.name = "v5",
       .about = "the direct engine as it is by default",
       .settings = {{"engine", "direct"}, {"pool", "1024"}, {"partitions", "32"}}}};
  return presets;
}

const Preset* find_preset(std::string_view name) {
  const auto presets = all_presets();
  const auto found = std::ranges::find(presets, name, &Preset::name);
  return found == presets.end() ? nullptr : &*found;
}

}  // namespace ds
