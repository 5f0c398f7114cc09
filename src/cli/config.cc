// `datastorm config`: every setting's effective value and where it came from.
#include "cli/commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>

#include "base/json_writer.h"
#include "cli/scenario.h"
#include "cli/scenario_schema.h"

namespace ds::cli {
namespace {

/// What must never be shown.
bool is_secret(std::string_view name) {
  return name.find("secret") != std::string_view::npos ||
         name.find("password") != std::string_view::npos ||
         name.find("token") != std::string_view::npos;
}

std::string shown(std::string_view name, const std::string& text) {
  if (name == "property") {
    std::string out;  // -X sasl.password=… is a secret inside a list
    for (std::size_t begin = 0; begin < text.size();) {
      const std::size_t end = std::min(text.find(kListSeparator, begin), text.size());
      const std::string each = text.substr(begin, end - begin);
      const std::size_t equals = std::min(each.find('='), each.size());
      const bool hidden =
          is_secret(each.substr(0, equals)) || each.find("jaas") != std::string::npos;
      out += (out.empty() ? "" : ",") + (hidden ? each.substr(0, equals) + "=(hidden)" : each);
      begin = end + 1;
    }
    return out;
  }
  return is_secret(name) && !text.empty() ? "(hidden)" : text;
}

struct Sound {
  std::string scenario;
  bool sound = true;
  static void fields(auto& self, auto& io) {
    io("scenario", self.scenario);
    io("sound", self.sound);
  }
};

struct EffectiveSetting {
  std::string value, origin;
  static void fields(auto& self, auto& io) {
    io("value", self.value);
    io("origin", self.origin);
  }
};

struct EffectiveSettings {
  std::map<std::string, EffectiveSetting> settings;
  static void fields(auto& self, auto& io) { io("settings", self.settings); }
};

}  // namespace

/// What was wrong with lines of `path` first, in their order; then what is wrong with several.
Error in_the_files_order(Error error, const std::string& path) {
  constexpr std::string_view kBetween = "\n  ";
  std::vector<std::string> lines;
  for (std::size_t at = 0; at <= error.message.size();) {
    const std::size_t end = std::min(error.message.find(kBetween, at), error.message.size());
    lines.push_back(error.message.substr(at, end - at));
    at = end + kBetween.size();
  }
  std::ranges::stable_sort(lines, {}, [&](const std::string& line) {
    return line.starts_with(path + ":") ? std::atoi(line.c_str() + path.size() + 1) : 1 << 30;
  });
  error.message = fmt::format("{}", fmt::join(lines, kBetween));
  return error;
}

/// The file alone: neither datastorm.toml nor the environment can make it right or wrong.
int check_scenario(const std::string& path, bool json) {
  auto scenario = load_scenario(path.find('/') == path.npos && !path.ends_with(".toml") &&
                                        std::filesystem::exists(path)
                                    ? "./" + path
                                    : path);
  if (!scenario) return report_error(scenario.error());
  const Command up = up_command();
  auto settings = resolve_below_flags(up.name, settings_of(up),
                                      {.config_file = "/dev/null",
                                       .dotenv_file = "",
                                       .scenario_name = scenario->path,
                                       .scenario_text = scenario->text});
  if (!settings) return report_error(settings.error());
  apply_defaults(up, *settings);
  if (const auto wrong = check_up(*settings))
    return report_error(in_the_files_order(*wrong, scenario->path));
  if (json)
    fmt::print("{}\n", to_json(Sound{scenario->path}));
  else
    fmt::print("{} is sound\n", scenario->path);
  return kDone;
}

int run_config(const Invocation& invocation) {
  if (const auto wrong = Reader(invocation.settings).errors()) return report_error(*wrong);
  const bool json = Reader(invocation.settings).on("json");
  if (Reader(invocation.settings).on("scenario-schema")) {
    fmt::print("{}", scenario_schema(up_command()));
    return kDone;
  }
  if (const Value& file = invocation.settings.at("check"); file.given)
    return check_scenario(file.text, json);
  if (json) {
    EffectiveSettings effective;
    for (const auto& [name, value] : invocation.settings.all())
      effective.settings.emplace(name, EffectiveSetting{shown(name, value.text), value.origin});
    fmt::print("{}\n", to_json(effective));
    return kDone;
  }
  for (const auto& [name, value] : invocation.settings.all())
    fmt::print("{:<20} {:<32} {}\n", name, shown(name, value.text), value.origin);
  return kDone;
}

Command config_command() {
  std::vector<std::string_view> names;
  for (const Setting& each : all_settings()) {
    static constexpr std::string_view kTakenByAll[] = {"json", "config", "data-dir", "quiet",
                                                       "log-level"};
    if (std::ranges::find(kTakenByAll, each.name) == std::end(kTakenByAll))
      names.push_back(each.name);
  }
  return {.name = "config",
          .purpose = "print every setting's effective value and where it came from",
          .example = "KAFKA_BROKERS=kafka:9092 datastorm config --total 1M",
          .settings = std::move(names),
          .run = run_config};
}

}  // namespace ds::cli
