// Ways of producing that people know by name: the rungs of the old system's ladder, and ours.
// `produce --preset v2` takes one's settings as defaults, `bench ladder` measures them all.
//
//   v0  one record at a time, each after the last one's answer
//   v1  worker threads, each record serialised afresh
//   v2  the same with records serialised beforehand
//   v3  the same over 32 partitions, meant for four brokers
//   v4  the cluster and the workers with the old system's last configuration
//   v5  the direct engine
#pragma once

#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace ds {

struct Preset {
  std::string_view name;
  std::string_view about;
  int brokers = 1;  // that it is meant for
  /// Settings of `produce` by their names: the one declaration that both readers share.
  std::vector<std::pair<std::string_view, std::string_view>> settings;

  /// Empty when the preset does not say.
  std::string_view at(std::string_view setting) const;
};

std::span<const Preset> all_presets();
/// Null when there is none of that name.
const Preset* find_preset(std::string_view name);

}  // namespace ds
