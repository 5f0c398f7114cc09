// `datastorm man`: the manual page, made from the same tables as --help.
//
//   datastorm man | man -l -
#include <fmt/format.h>

#include "cli/commands.h"

namespace ds::cli {
namespace {

/// Text as roff takes it: dashes that can be copied, no line that looks like an order.
std::string roff(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else if ((c == '.' || c == '\'') && (out.empty() || out.back() == '\n'))
      out += fmt::format("\\&{}", c);
    else
      out += c;
  }
  return out;
}

void print_setting(const Command& command, std::string_view name) {
  const Setting& setting = *find_setting(name);
  const std::string flag = name == "property" ? "-X" : fmt::format("--{}", name);
  fmt::print(".TP\n\\fB{}\\fR", roff(flag));
  if (setting.kind != Kind::kSwitch) fmt::print(" \\fI{}\\fR", roff(setting.value_name));
  fmt::print("\n{}", roff(setting.help));
  if (const std::string text = default_of(command, setting); !text.empty())
    fmt::print(" [{}]", roff(text));
  if (!setting.environment.empty()) fmt::print("\n.br\nEnvironment: {}", roff(setting.environment));
  fmt::print("\n");
}

void print_command(const Command& command) {
  fmt::print(".SS {}\n{}.\n", command.name, roff(command.purpose));
  if (!command.words.empty()) fmt::print(".PP\nWords: {}\n", roff(command.words));
  for (const std::string_view name : command.settings) print_setting(command, name);
  fmt::print(".PP\nExample:\n.PP\n.nf\n    {}\n.fi\n", roff(command.example));
}

int run_man(const Invocation& invocation) {
  if (const auto wrong = Reader(invocation.settings).errors()) return report_error(*wrong);
  const std::vector<Command> commands = all_commands();
  fmt::print(
      ".TH DATASTORM 1 \"\" \"datastorm {}\" \"User Commands\"\n"
      ".SH NAME\n"
      "datastorm \\- storm of labelled records through Apache Kafka, stored, shown and proven\n"
      ".SH SYNOPSIS\n"
      ".B datastorm\n"
      "\\fICOMMAND\\fR [\\fIOPTION\\fR]...\n"
      ".SH DESCRIPTION\n"
      "DataStorm makes realistic, labelled records, drives them through Apache Kafka or its own\n"
      "broker, stores every one, shows them live and proves what arrived. Each part works alone\n"
      "against servers that are there already.\n"
      ".PP\n"
      "Settings come from defaults, then \\fIdatastorm.toml\\fR, a scenario, \\fI.env\\fR, the\n"
      "environment and flags, the later winning; \\fBdatastorm config\\fR shows each value and\n"
      "where it came from. Every flag is a key of the file under the same name.\n"
      ".SH OPTIONS OF EVERY COMMAND\n",
      DATASTORM_VERSION);
  for (const std::string_view name : settings_for_all()) print_setting(commands.front(), name);
  fmt::print(".SH COMMANDS\n");
  for (const Command& command : commands) print_command(command);
  fmt::print(
      ".SH EXIT STATUS\n"
      ".TP\n0\ndone\n"
      ".TP\n1\ndone, but the goal failed: records lost, errors, a total or a limit missed\n"
      ".TP\n2\nwrong use or configuration\n"
      ".TP\n3\na needed server was not reachable\n"
      ".TP\n130\ninterrupted, after a clean drain and the account\n"
      ".SH FILES\n"
      ".TP\n\\fIdatastorm.toml\\fR\nsettings of the working folder\n"
      ".TP\n\\fI.env\\fR\nenvironment variables of the working folder; secrets belong here\n"
      ".TP\n\\fIdatastorm\\-data/\\fR\nwhat the program keeps (\\fB\\-\\-data\\-dir\\fR)\n");
  return kDone;
}

}  // namespace

Command man_command() {
  return {.name = "man",
          .purpose = "print the manual page",
          .example = "datastorm man | man -l -",
          .settings = {},
          .run = run_man};
}

}  // namespace ds::cli
