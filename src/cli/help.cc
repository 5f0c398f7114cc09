#include "cli/help.h"

#include <fmt/format.h>

#include <algorithm>

namespace ds::cli {
namespace {

constexpr std::size_t kTextColumn = 30;   // where what a flag means begins
constexpr std::size_t kFewSettings = 12;  // so many need no headings

/// `text` from `column` on, broken between words.
std::string wrapped(std::string_view text, std::size_t column, std::size_t columns) {
  std::string out;
  std::size_t at = column;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    if (at > column && at + 1 + word.size() > columns) {
      out += fmt::format("\n{:{}}", "", column);
      at = column;
    }
    if (at > column) {
      out += ' ';
      ++at;
    }
    out += word;
    at += word.size();
  }
  return out;
}

std::string entry(std::string_view name, std::string_view text, std::size_t columns) {
  std::string line = fmt::format("  {:<{}}", name, kTextColumn - 2);
  if (name.size() + 3 > kTextColumn) line += fmt::format("\n{:{}}", "", kTextColumn);
  return line + wrapped(text, kTextColumn, columns) + "\n";
}

std::string entry(const Command& command, const Setting& setting, std::size_t columns) {
  std::string flag =
      setting.name == "property" ? "-X, --property" : "--" + std::string(setting.name);
  if (setting.kind != Kind::kSwitch) flag += fmt::format(" {}", setting.value_name);
  std::string text(setting.help);
  if (const std::string usual = default_of(command, setting); !usual.empty())
    text += fmt::format(" [{}]", usual);
  return entry(flag, text, columns);
}

}  // namespace

std::string help_of_all(std::span<const Command> commands) {
  std::string text =
      "DataStorm makes a storm of labelled records, drives it through Kafka, stores every one, "
      "and\n"
      "proves what arrived.\n\n"
      "Usage: datastorm SUBCOMMAND [OPTIONS]\n\n"
      "Subcommands:\n";
  for (const Command& each : commands) text += fmt::format("  {:<12}{}\n", each.name, each.purpose);
  return text +
         "\n`datastorm up` runs everything at once; `datastorm SUBCOMMAND --help` has each one's "
         "flags.\n";
}

std::string help_of(const Command& command, std::size_t columns) {
  std::string text = fmt::format("{}\n\nUsage: datastorm {} [OPTIONS]{}\n", command.purpose,
                                 command.name, command.words.empty() ? "" : " [WORDS]");
  if (!command.words.empty()) text += fmt::format("Words: {}\n", command.words);
  text += fmt::format("Example:\n  {}\n", command.example);

  std::vector<std::string_view> headings;
  const auto heading = [&](std::string_view name) -> std::string_view {
    return command.settings.size() > kFewSettings ? section_of(name) : "Options";
  };
  for (const std::string_view name : command.settings)
    if (std::ranges::find(headings, heading(name)) == headings.end())
      headings.push_back(heading(name));
  for (const std::string_view each : headings) {
    text += fmt::format("\n{}:\n", each);
    for (const std::string_view name : command.settings)
      if (heading(name) == each) text += entry(command, *find_setting(name), columns);
  }
  text += "\nFor every command:\n" + entry("-h, --help", "this text", columns);
  for (const std::string_view name : settings_for_all())
    text += entry(command, *find_setting(name), columns);
  return text;
}

}  // namespace ds::cli
