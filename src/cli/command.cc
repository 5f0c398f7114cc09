#include "cli/command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <span>

#include "cli/help.h"
#include "cli/near_miss.h"
#include "cli/scenario.h"
#include "storm/preset.h"

extern char** environ;

namespace ds::cli {
namespace {

constexpr std::string_view kForAll[] = {"json", "config", "data-dir", "quiet", "log-level"};

std::map<std::string, std::string, std::less<>> environment() {
  std::map<std::string, std::string, std::less<>> variables;
  for (char** each = environ; *each != nullptr; ++each) {
    const std::string_view line = *each;
    if (const auto equals = line.find('='); equals != std::string_view::npos)
      variables.emplace(line.substr(0, equals), line.substr(equals + 1));
  }
  return variables;
}

/// A subcommand and the raw texts of the flags that were given to it.
struct Parsed {
  const Command* command = nullptr;
  CLI::App* app = nullptr;
  std::map<std::string, std::vector<std::string>, std::less<>> given;
  std::map<std::string, bool, std::less<>> switches;
  std::map<std::string, CLI::Option*, std::less<>> switch_options;
  std::vector<std::string> words;
};

void add_flags(Parsed& parsed, std::span<const std::string_view> names) {
  for (const std::string_view name : names) {
    const Setting* setting = find_setting(name);
    check(setting != nullptr, fmt::format("no setting is called '{}'", name));
    const std::string flag = name == "property" ? "-X,--property" : fmt::format("--{}", name);
    if (setting->kind == Kind::kSwitch) {
      parsed.switch_options[std::string(name)] =
          parsed.app->add_flag(flag, parsed.switches[std::string(name)]);
    } else {
      auto* option = parsed.app->add_option(flag, parsed.given[std::string(name)]);
      if (setting->kind == Kind::kList)
        option->expected(1)->take_all();
      else
        option->expected(1)->take_last();
    }
  }
}

/// What must not be given as an argument at all.
bool is_secret(std::string_view name) {
  return name.ends_with("-token") || name.ends_with("-secret") || name.ends_with("-password");
}

/// Other users see a process's arguments: the values of `-X sasl.password=…` and its like become x.
void hide_secrets(std::span<char*> arguments) {
  constexpr std::string_view kSecret[] = {
      "sasl.password=",         "sasl.jaas.config=",        "ssl.key.password=",
      "ssl.keystore.password=", "ssl.truststore.password=", "--token="};
  bool next = false;
  for (char* const argument : arguments) {
    const std::string_view text = argument;
    if (std::exchange(next, text == "--token")) std::fill_n(argument, text.size(), 'x');
    for (const std::string_view name : kSecret) {
      const std::size_t at = text.find(name);
      if (at != std::string_view::npos)
        std::fill(argument + at + name.size(), argument + text.size(), 'x');
    }
    // A store's: mongodb://user:password@host
    if (const std::size_t at = text.find("://"), host = text.rfind('@');
        at != std::string_view::npos && host != std::string_view::npos && at < host)
      std::fill(argument + at + 3, argument + host, 'x');
  }
}

const Command* find_command(std::string_view name, const std::vector<Command>& commands) {
  const auto found = std::ranges::find(commands, name, &Command::name);
  return found == commands.end() ? nullptr : &*found;
}

/// The first word should be a command, and is none.
Error unknown_command(std::string_view word, const std::vector<Command>& commands) {
  std::vector<std::string_view> names;
  for (const Command& each : commands) names.push_back(each.name);
  std::string message = "no command is named";
  if (!word.empty()) message = fmt::format("there is no command '{}'", word);
  if (const auto meant = nearest(word, names); !meant.empty())
    message += fmt::format("; did you mean '{}'?", meant);
  return {.code = ErrorCode::kUsage,
          .message = std::move(message),
          .hint = fmt::format("datastorm --help; the commands are {}", fmt::join(names, ", "))};
}

/// `datastorm help` and `datastorm help COMMAND`, for those who try that first.
int print_help(std::string_view name, const std::vector<Command>& commands) {
  const Command* const command = find_command(name, commands);
  if (!name.empty() && command == nullptr) return report_error(unknown_command(name, commands));
  std::fputs((command ? help_of(*command) : help_of_all(commands)).c_str(), stdout);
  return kDone;
}

/// "--totl is no flag of produce; did you mean --total?"
std::string unknown_flag(std::string_view word, const Command& command) {
  const std::string_view flag = word.substr(0, word.find('='));
  std::string text = fmt::format("{} is no flag of {}", flag, command.name);
  const auto names = settings_of(command);
  const auto meant =
      nearest(flag.substr(std::min(flag.size(), flag.find_first_not_of('-'))), names);
  if (!meant.empty()) text += fmt::format("; did you mean --{}?", meant);
  return text + fmt::format(" (see: datastorm {} --help)", command.name);
}

/// What the parser of flags found, as we say such things.
std::string in_our_words(const CLI::ParseError& wrong) {
  const std::string said = wrong.what();
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&wrong) != nullptr)
    if (const std::size_t colon = said.find(':'); colon != std::string::npos)
      return said.substr(0, colon) + " needs a value";
  constexpr std::string_view kSwitch = "Could not convert: ";
  if (said.starts_with(kSwitch))
    if (const std::size_t equals = said.find(" = "); equals != std::string::npos)
      return fmt::format("{}: '{}' is neither yes nor no (allowed: true or false)",
                         said.substr(kSwitch.size(), equals - kSwitch.size()),
                         said.substr(equals + 3));
  return said;
}

Result<Settings> resolve(const Parsed& parsed) {
  Sources sources{.environment = environment()};
  if (const auto& file = parsed.given.at("config"); !file.empty())
    sources.config_file = file.back();
  const auto names = settings_of(*parsed.command);
  auto settings = resolve_below_flags(parsed.command->name, names, sources);
  if (!settings) return settings;
  if (settings->has("scenario")) {
    const auto flag = parsed.given.find("scenario");
    const std::string name = flag != parsed.given.end() && !flag->second.empty()
                                 ? flag->second.back()
                                 : settings->at("scenario").text;
    if (!name.empty() && name != kListScenarios) {
      auto scenario = load_scenario(name);
      if (!scenario) return std::move(scenario).error();
      sources.scenario_name = scenario->path;
      sources.scenario_text = scenario->text;
      settings = resolve_below_flags(parsed.command->name, names, sources);
      if (!settings) return settings;
    }
  }
  apply_defaults(*parsed.command, *settings);
  for (const auto& [name, texts] : parsed.given)
    if (!texts.empty() && is_secret(name))
      return Error{
          .code = ErrorCode::kUsage,
          .message = fmt::format("--{}: everybody on this machine can read arguments", name),
          .hint = fmt::format("put it into {}, .env or the configuration file",
                              find_setting(name)->environment)};
  for (const auto& [name, texts] : parsed.given)
    if (!texts.empty())
      settings->set(name, {fmt::format("{}", fmt::join(texts, std::string(1, kListSeparator))),
                           "--" + name, true});
  for (const auto& [name, option] : parsed.switch_options)  // --name or --name=false
    if (option->count() > 0)
      settings->set(name, {parsed.switches.at(name) ? "true" : "false", "--" + name, true});
  if (settings->has("preset")) apply_preset(*settings);
  bool its_value = false;  // the word behind a flag that does not exist
  for (const std::string& word : parsed.app->remaining()) {
    const std::string_view command = parsed.command->name;
    const bool flag = word.starts_with('-');
    if (flag)
      settings->complaints.push_back(unknown_flag(word, *parsed.command));
    else if (!its_value)
      settings->complaints.push_back(fmt::format("{} does not take the word '{}'", command, word));
    its_value = flag;
  }
  return settings;
}

}  // namespace

std::span<const std::string_view> settings_for_all() {
  return kForAll;
}

std::string default_of(const Command& command, const Setting& setting) {
  for (const auto& [name, text] : command.defaults)
    if (name == setting.name) return std::string(text);
  return std::string(setting.default_text);
}

void apply_defaults(const Command& command, Settings& settings) {
  for (const auto& [name, text] : command.defaults)
    if (!settings.at(name).given) settings.set(name, {std::string(text), "default", false});
}

void apply_preset(Settings& settings) {
  const Value asked = settings.at("preset");
  if (asked.text.empty()) return;
  const Preset* const preset = find_preset(asked.text);
  if (preset == nullptr) {
    std::vector<std::string_view> names;
    for (const Preset& each : all_presets()) names.push_back(each.name);
    settings.complaints.push_back(fmt::format("{}: there is no preset '{}' (allowed: {})",
                                              asked.origin, asked.text, fmt::join(names, ", ")));
    return;
  }
  const auto given = [&](std::string_view name) { return settings.at(name).given; };
  const bool paced = given("rate") || given("schedule");
  // The engine's own settings are of no use to the other one.
  const bool other_engine = given("engine") && settings.at("engine").text != preset->at("engine");
  for (const auto& [name, text] : preset->settings) {
    if (given(name) || (name == "batch-interval-ms" && paced)) continue;
    if (name == "property" && other_engine) continue;
    settings.set(name, {std::string(text), fmt::format("preset {}", preset->name), false});
  }
}

std::vector<std::string_view> settings_of(const Command& command) {
  std::vector<std::string_view> names(std::begin(kForAll), std::end(kForAll));
  names.insert(names.end(), command.settings.begin(), command.settings.end());
  return names;
}

int report_error(const Error& error) {
  fmt::print(stderr, "datastorm: {}\n", error.message);
  if (!error.hint.empty()) fmt::print(stderr, "  try: {}\n", error.hint);
  switch (error.code) {
    case ErrorCode::kUsage:
      return kWrongUse;
    case ErrorCode::kUnreachable:
    case ErrorCode::kRefused:
    case ErrorCode::kProtocol:  // something listens there, but no server that we could use
    case ErrorCode::kTimeout:
      return kUnreachableServer;
    case ErrorCode::kInterrupted:
      return kInterruptedCleanly;
    default:
      return kGoalFailed;
  }
}

int run_main(int argc, char** argv) {
  const std::vector<Command> commands = all_commands();
  char version[] = "version";
  if (argc > 1 && (argv[1] == std::string_view("--version") || argv[1] == std::string_view("-V")))
    argv[1] = version;
  const std::string_view first = argc < 2 ? "" : argv[1];
  if (first == "help" || first == "--help" || first == "-h")
    return print_help(argc > 2 ? argv[2] : "", commands);
  if (find_command(first, commands) == nullptr)
    return report_error(unknown_command(first, commands));
  CLI::App app("", "datastorm");
  app.require_subcommand(1);
  std::vector<std::unique_ptr<Parsed>> parsed;
  for (const Command& command : commands) {
    auto& each = *parsed.emplace_back(std::make_unique<Parsed>());
    each.command = &command;
    each.app = app.add_subcommand(std::string(command.name));
    each.app->allow_extras();  // they are told with everything else that is wrong
    add_flags(each, kForAll);
    add_flags(each, command.settings);
    if (!command.words.empty()) each.app->add_option("words", each.words);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return print_help(first, commands);
  } catch (const CLI::ParseError& wrong) {
    fmt::print(stderr, "datastorm: {}\n  try: datastorm {}--help\n", in_our_words(wrong),
               app.get_subcommands().empty() ? std::string()
                                             : app.get_subcommands().front()->get_name() + " ");
    return kWrongUse;
  }
  hide_secrets({argv, static_cast<std::size_t>(argc)});
  for (const auto& each : parsed) {
    if (!each->app->parsed()) continue;
    auto settings = resolve(*each);
    if (!settings) return report_error(settings.error());
    return each->command->run({std::move(settings).value(), each->words});
  }
  return kWrongUse;
}

}  // namespace ds::cli
