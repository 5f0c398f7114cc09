#include "cli/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include "base/units.h"
#include "base/wrong_use.h"
#include "cli/faults.h"
#include "cli/near_miss.h"

namespace ds::cli {
namespace {

struct TextAt {
  std::string text;
  std::string origin;
};

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
  return fmt::format("{}", fmt::join(parts, separator));
}

/// A folder opens like a file, and only reading tells.
bool is_readable(std::ifstream& file) {
  if (!file) return false;
  file.peek();
  const bool readable = !file.bad();
  file.clear();
  return readable;
}

/// KEY=VALUE lines; blank lines and those that begin with # are passed over.
Result<std::map<std::string, TextAt, std::less<>>> read_dotenv(const std::string& path) {
  std::map<std::string, TextAt, std::less<>> values;
  std::ifstream file(path);
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    if (line.starts_with("export ")) line.erase(0, 7);
    const std::size_t first = line.find_first_not_of(" \t\r");
    if (first == std::string::npos || line[first] == '#') continue;
    const std::size_t equals = line.find('=');
    if (equals == std::string::npos)
      return wrong_use(fmt::format("{}:{}: '{}' is not KEY=VALUE", path, number, line));
    std::string value = line.substr(equals + 1);
    while (!value.empty() && (value.back() == '\r' || value.back() == ' ')) value.pop_back();
    if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'') &&
        value.back() == value.front())
      value = value.substr(1, value.size() - 2);
    values[line.substr(first, equals - first)] = {value, fmt::format("{}:{}", path, number)};
  }
  return values;
}

std::string as_text(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* array = node.as_array()) {
    std::vector<std::string> parts;
    for (const auto& each : *array) parts.push_back(as_text(each));
    return join(parts, std::string(1, kListSeparator));
  }
  std::ostringstream out;
  if (const auto* whole = node.as_integer())
    out << whole->get();
  else if (const auto* decimal = node.as_floating_point())
    out << fmt::format("{}", decimal->get());
  else if (const auto* truth = node.as_boolean())
    out << (truth->get() ? "true" : "false");
  return out.str();
}

bool is_command(std::string_view name) {
  static constexpr std::string_view kCommands[] = {"up",     "produce", "consume", "monitor",
                                                   "broker", "serve",   "gateway", "sensors",
                                                   "topic",  "verify",  "report",  "bench"};
  return std::ranges::find(kCommands, name) != std::end(kCommands);
}

/// "datastorm.toml:3: no setting is called 'totl'; did you mean 'total'?"
std::string unknown_setting(std::string_view origin, std::string_view name) {
  std::vector<std::string_view> names;
  for (const Setting& each : all_settings()) names.push_back(each.name);
  std::string text = fmt::format("{}: no setting is called '{}'", origin, name);
  if (const auto meant = nearest(name, names); !meant.empty())
    text += fmt::format("; did you mean '{}'?", meant);
  return text;
}

/// The file's values for one command: its own table wins over the top level. Every key that no
/// setting has is an error, with its line.
Result<std::map<std::string, TextAt, std::less<>>> read_toml(const std::string& path,
                                                             std::string_view command,
                                                             std::vector<std::string>& errors) {
  std::ifstream file(path);
  if (!is_readable(file))
    return wrong_use(fmt::format("the configuration file {} cannot be read", path));
  toml::parse_result parsed = toml::parse(file, path);
  if (!parsed) {
    const auto& at = parsed.error().source().begin;
    return wrong_use(fmt::format("{}:{}: {}", path, at.line, parsed.error().description()));
  }
  std::map<std::string, TextAt, std::less<>> values;
  const auto take = [&](const toml::table& table, bool wins) {
    for (const auto& [key, node] : table) {
      const auto line = node.source().begin.line;
      std::string name(key.str());
      std::ranges::replace(name, '_', '-');
      if (node.is_table()) {
        if (!is_command(name))
          errors.push_back(fmt::format("{}:{}: no command is called '{}'", path, line, name));
        continue;
      }
      if (find_setting(name) == nullptr) {
        errors.push_back(unknown_setting(fmt::format("{}:{}", path, line), name));
        continue;
      }
      if (wins || !values.contains(name))
        values[name] = {as_text(node), fmt::format("{}:{}", path, line)};
    }
  };
  take(parsed.table(), false);
  for (const auto& [key, node] : parsed.table())
    if (node.is_table() && key.str() == command) take(*node.as_table(), true);
  return values;
}

/// A scenario's table of faults as the setting `fault` has them, a line each.
std::string read_faults(const toml::table& table, const std::string& path,
                        std::vector<std::string>& complaints) {
  std::vector<std::string> faults;
  const auto take = [&](std::string_view kind, const toml::node& node) {
    const std::string text = fmt::format("{} {}", kind, as_text(node));
    if (const auto fault = parse_fault(text); !fault)
      complaints.push_back(fmt::format("{}:{}: {} (allowed: {})", path, node.source().begin.line,
                                       fault.error().message, fault.error().hint));
    else
      faults.push_back(text);
  };
  for (const auto& [key, node] : table) {
    if (const auto* several = node.as_array())
      for (const auto& each : *several) take(key.str(), each);
    else
      take(key.str(), node);
  }
  return join(faults, std::string(1, kListSeparator));
}

/// A scenario's values: settings of the command, beside `about`. What is wrong goes to
/// `complaints`, so that wrong values are told with it.
std::map<std::string, TextAt, std::less<>> read_scenario(std::string_view command,
                                                         std::span<const std::string_view> names,
                                                         const Sources& sources,
                                                         std::vector<std::string>& complaints) {
  std::map<std::string, TextAt, std::less<>> values;
  const std::string& path = sources.scenario_name;
  toml::parse_result parsed = toml::parse(sources.scenario_text, path);
  if (!parsed) {
    complaints.push_back(fmt::format("{}:{}: {}", path, parsed.error().source().begin.line,
                                     parsed.error().description()));
    return values;
  }
  for (const auto& [key, node] : parsed.table()) {
    const std::string origin = fmt::format("{}:{}", path, node.source().begin.line);
    std::string name(key.str());
    std::ranges::replace(name, '_', '-');
    if (name == "about") continue;
    if (name == "faults" && node.is_table() && std::ranges::find(names, "fault") != names.end()) {
      TextAt& all = values["fault"];
      const std::string more = read_faults(*node.as_table(), path, complaints);
      all = {all.text.empty() ? more : all.text + kListSeparator + more, origin};
      continue;
    }
    if (node.is_table() || find_setting(name) == nullptr)
      complaints.push_back(unknown_setting(origin, name));
    else if (std::ranges::find(names, name) == names.end() || name == "scenario")
      complaints.push_back(
          fmt::format("{}: '{}' is no setting of `datastorm {}`", origin, name, command));
    else
      values[name] = {as_text(node), origin};
  }
  // In the order of the file, as people read it.
  std::ranges::stable_sort(complaints, {}, [](const std::string& line) {
    const std::size_t end = line.find(": ");
    return std::atoi(line.c_str() + line.rfind(':', end - 1) + 1);
  });
  return values;
}

}  // namespace

const Setting* find_setting(std::string_view name) {
  for (const Setting& each : all_settings())
    if (each.name == name) return &each;
  return nullptr;
}

const Value& Settings::at(std::string_view name) const {
  const auto found = values_.find(name);
  check(found != values_.end(), fmt::format("the command does not take the setting '{}'", name));
  return found->second;
}

void Reader::wrong(std::string_view name, const Error& error) {
  std::string line = fmt::format("{}: {}", settings_.at(name).origin, error.message);
  if (!error.hint.empty()) line += fmt::format(" (allowed: {})", error.hint);
  say(std::move(line));
}

void Reader::wrong(const Error& error) {
  say(error.hint.empty() ? error.message : fmt::format("{} ({})", error.message, error.hint));
}

void Reader::say(std::string line) {
  // Two parts of a command may read the same setting.
  if (std::ranges::find(errors_, line) == errors_.end()) errors_.push_back(std::move(line));
}

std::optional<Error> Reader::errors() const {
  if (errors_.empty()) return std::nullopt;
  return wrong_use(join(errors_, "\n  "));
}

std::string Reader::text(std::string_view name) {
  return settings_.at(name).text;
}

std::uint64_t Reader::count(std::string_view name) {
  return take(name, parse_count(text(name)));
}
void Reader::out_of_range(std::string_view name, std::uint64_t least, std::uint64_t most) {
  if (text(name).empty() || !parse_count(text(name))) return;  // said already
  wrong(name, wrong_use(fmt::format("'{}' is out of range", text(name)),
                        fmt::format("from {} to {}", least, most)));
}

double Reader::quantity(std::string_view name) {
  return take(name, parse_quantity(text(name)));
}
Nanos Reader::duration(std::string_view name) {
  return take(name, parse_duration(text(name)));
}
std::uint64_t Reader::size(std::string_view name) {
  return take(name, parse_size(text(name)));
}

bool Reader::on(std::string_view name) {
  const std::string value = text(name);
  if (value == "true" || value == "1" || value == "yes" || value == "on") return true;
  if (!(value.empty() || value == "false" || value == "0" || value == "no" || value == "off"))
    wrong(name, wrong_use(fmt::format("'{}' is neither yes nor no", value), "true or false"));
  return false;
}

std::vector<std::string> Reader::list(std::string_view name) {
  // Flags are repeated and files have arrays, so only a variable separates by commas: a librdkafka
  // property may hold some itself.
  const Value& value = settings_.at(name);
  const bool variable = value.origin.find(" in ") != std::string::npos;
  std::vector<std::string> parts;
  std::istringstream in(value.text);
  for (std::string part; std::getline(in, part, variable ? ',' : kListSeparator);)
    if (!part.empty()) parts.push_back(part);
  return parts;
}

std::string Reader::choice(std::string_view name, std::span<const std::string_view> allowed) {
  std::string value = text(name);
  if (std::ranges::find(allowed, value) == allowed.end())
    wrong(name, wrong_use(fmt::format("'{}' is not known", value),
                          fmt::format("{}", fmt::join(allowed, ", "))));
  return value;
}

Result<Settings> resolve_below_flags(std::string_view command,
                                     std::span<const std::string_view> names,
                                     const Sources& sources) {
  auto dotenv = read_dotenv(sources.dotenv_file);
  if (!dotenv) return std::move(dotenv).error();
  Settings settings;
  std::map<std::string, TextAt, std::less<>> file;
  const std::string path = sources.config_file.empty() ? "datastorm.toml" : sources.config_file;
  if (!sources.config_file.empty() || std::filesystem::exists(path)) {
    std::vector<std::string> wrong;
    auto read = read_toml(path, command, wrong);
    if (!read) return std::move(read).error();
    file = std::move(read).value();
    for (std::string& line : wrong) settings.complaints.push_back(std::move(line));
  }

  std::map<std::string, TextAt, std::less<>> scenario;
  if (!sources.scenario_name.empty())
    scenario = read_scenario(command, names, sources, settings.complaints);
  for (const std::string_view name : names) {
    const Setting* setting = find_setting(name);
    check(setting != nullptr, fmt::format("no setting is called '{}'", name));
    Value value{std::string(setting->default_text), "default", false};
    if (const auto found = file.find(name); found != file.end())
      value = {found->second.text, found->second.origin, true};
    if (const auto found = scenario.find(name); found != scenario.end())
      value = {found->second.text, found->second.origin, true};
    std::istringstream variables{std::string(setting->environment)};
    for (std::string variable; variables >> variable;) {
      if (const auto found = dotenv->find(variable); found != dotenv->end())
        value = {found->second.text, fmt::format("{} in {}", variable, found->second.origin), true};
      if (const auto found = sources.environment.find(variable); found != sources.environment.end())
        value = {found->second, fmt::format("{} in the environment", variable), true};
    }
    settings.set(name, std::move(value));
  }
  return settings;
}

}  // namespace ds::cli
