#include "cli/scenario.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <vector>
#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

namespace ds::cli {

Result<Scenario> load_scenario(const std::string& name) {
  if (name.find('/') != std::string::npos || name.ends_with(".toml")) {
    std::ifstream file(name);
    std::ostringstream text;
    if (!file || !(text << file.rdbuf()))
      return Error{.code = ErrorCode::kUsage,
                   .message = fmt::format("the scenario {} cannot be read", name),
                   .hint = "datastorm up --scenario list"};
    return Scenario{name, text.str()};
  }
  std::vector<std::string_view> names;
  for (const BundledScenario& each : bundled_scenarios()) {
    if (each.name == name)
      return Scenario{fmt::format("scenarios/{}.toml", name), std::string(each.text)};
    names.push_back(each.name);
  }
  return Error{.code = ErrorCode::kUsage,
               .message = fmt::format("there is no scenario '{}'", name),
               .hint = fmt::format("{}, or a file that ends in .toml", fmt::join(names, ", "))};
}

std::string about_scenario(std::string_view text) {
  const toml::parse_result parsed = toml::parse(text);
  return parsed ? parsed.table()["about"].value_or(std::string()) : std::string();
}

}  // namespace ds::cli
