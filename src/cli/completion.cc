// `datastorm completion`: a bash completion made from the same tables as --help.
//
//   source <(datastorm completion)
#include <fmt/format.h>

#include <algorithm>

#include "cli/commands.h"

namespace ds::cli {
namespace {

std::string flags_of(const Command& command) {
  std::string flags = "--help";
  for (const std::string_view name : settings_of(command))
    flags += name == "property" ? " -X --property" : fmt::format(" --{}", name);
  return flags;
}

int run_completion(const Invocation& invocation) {
  if (const auto wrong = Reader(invocation.settings).errors()) return report_error(*wrong);
  std::string names, cases;
  for (const Command& command : all_commands()) {
    names += fmt::format("{}{}", names.empty() ? "" : " ", command.name);
    cases += fmt::format("    {}) words=\"{}\" ;;\n", command.name, flags_of(command));
  }
  fmt::print(
      "_datastorm() {{\n"
      "  local words\n"
      "  case ${{COMP_WORDS[1]}} in\n{}"
      "  esac\n"
      "  [ \"$COMP_CWORD\" -eq 1 ] && words=\"{} --help\"\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"${{COMP_WORDS[COMP_CWORD]}}\"))\n"
      "}}\n"
      "complete -o default -F _datastorm datastorm\n",
      cases, names);
  return kDone;
}

}  // namespace

Command completion_command() {
  return {.name = "completion",
          .purpose = "print a completion for bash",
          .example = "source <(datastorm completion)",
          .settings = {},
          .run = run_completion};
}

}  // namespace ds::cli
