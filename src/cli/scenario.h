// Scenarios: a TOML file describes a whole run of `up`, by its settings. Those in scenarios/ are
// part of the program; docs/scenarios.md.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ds::cli {

constexpr std::string_view kListScenarios = "list";

struct Scenario {
  std::string path;  // for messages: scenarios/crisis.toml, or as it was given
  std::string text;
};

/// A bundled one's name, or a file: what has a slash or ends in .toml.
Result<Scenario> load_scenario(const std::string& name);

struct BundledScenario {
  std::string_view name;
  std::string_view text;
};
std::span<const BundledScenario> bundled_scenarios();

/// The text of `about`; empty when there is none.
std::string about_scenario(std::string_view text);

}  // namespace ds::cli
