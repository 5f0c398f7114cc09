#include "cli/scenario_schema.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/faults.h"

namespace ds::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kRate = "^[0-9]+(\\.[0-9]+)?[kMG]?$";
constexpr std::string_view kTime = "^[0-9]+(\\.[0-9]+)?(us|ms|s|m|h|d)?$";
constexpr std::string_view kBytes = "^[0-9]+(\\.[0-9]+)?([KMG]i?B|B)?$";

/// A number, or its text with a unit.
Json number_or(std::string_view pattern, const char* number) {
  return {
      {"anyOf", {{{"type", number}, {"minimum", 0}}, {{"type", "string"}, {"pattern", pattern}}}}};
}

/// "0|1|all": the words that a setting takes, where its value's name lists them; a name in capitals
/// stands for more than itself.
std::vector<std::string> words_of(const Setting& setting) {
  std::vector<std::string> words;
  for (std::string_view rest = setting.value_name; !rest.empty();) {
    const std::size_t end = std::min(rest.find('|'), rest.size());
    const std::string_view word = rest.substr(0, end);
    if (std::ranges::any_of(word, [](char c) { return c >= 'A' && c <= 'Z'; })) return {};
    words.emplace_back(word);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return words.size() > 1 ? words : std::vector<std::string>();
}

Json type_of(const Setting& setting) {
  switch (setting.kind) {
    case Kind::kCount:
      return number_or(kRate, "integer");
    case Kind::kQuantity:
      return number_or(kRate, "number");
    case Kind::kDuration:
      return number_or(kTime, "number");
    case Kind::kSize:
      return number_or(kBytes, "integer");
    case Kind::kSwitch:
      return {{"type", "boolean"}};
    case Kind::kList:
      return {
          {"anyOf", {{{"type", "string"}}, {{"type", "array"}, {"items", {{"type", "string"}}}}}}};
    case Kind::kText:
      break;
  }
  Json type = {{"type", {"string", "number"}}};
  if (const auto words = words_of(setting); !words.empty()) {
    type["enum"] = words;
    for (const std::string& word : words)  // acks = 1 is fine, too
      if (word.find_first_not_of("0123456789") == std::string::npos)
        type["enum"].push_back(std::stoi(word));
  }
  return type;
}

/// The table `faults`: each kind takes a text, or several.
Json faults_type() {
  constexpr std::string_view kSpan = "[0-9]+(\\.[0-9]+)?(us|ms|s|m|h|d)?";
  Json kinds = Json::object();
  for (const FaultWords& words : fault_words()) {
    std::string pattern = fmt::format("^{0} for {0}", kSpan);
    if (!words.option.empty())
      pattern += fmt::format("( {} {}){}$", words.option,
                             words.option == "by" ? fmt::format("-?{}", kSpan) : "[0-9]+",
                             words.usual.empty() ? "" : "?");
    else
      pattern += '$';
    const Json one = {{"type", "string"}, {"pattern", pattern}};
    kinds[std::string(words.name)] = {{"description", words.help},
                                      {"anyOf", {one, {{"type", "array"}, {"items", one}}}}};
  }
  return {{"type", "object"},
          {"description", "what is done to the run on purpose, each when and for how long"},
          {"additionalProperties", false},
          {"properties", std::move(kinds)}};
}

}  // namespace

std::string scenario_schema(const Command& up) {
  Json properties = {
      {"about", {{"type", "string"}, {"description", "what the scenario shows, in a sentence"}}}};
  Settings defaults;
  for (const std::string_view name : settings_of(up))
    defaults.set(name, {std::string(find_setting(name)->default_text), "default", false});
  apply_defaults(up, defaults);
  for (const std::string_view name : settings_of(up)) {
    if (name == "scenario" || name == "config") continue;
    const Setting& setting = *find_setting(name);
    Json property = type_of(setting);
    std::string words(setting.help);
    if (const std::string& text = defaults.at(name).text; !text.empty())
      words += " (default: " + text + ")";
    property["description"] = words;
    properties[std::string(name)] = std::move(property);
  }
  properties["faults"] = faults_type();
  const Json schema = {
      {"$schema", "https://json-schema.org/draft/2020-12/schema"},
      {"title", "A DataStorm scenario"},
      {"description",
       "A whole run of `datastorm up`, in TOML; printed by `datastorm config --scenario-schema`."},
      {"type", "object"},
      {"additionalProperties", false},
      {"properties", std::move(properties)}};
  return schema.dump(2) + "\n";
}

}  // namespace ds::cli
