// A subcommand: its name, what it takes, and what it does. One file each; main.cc lists them.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/settings.h"

namespace ds::cli {

enum ExitCode {
  kDone = 0,
  kGoalFailed = 1,
  kWrongUse = 2,
  kUnreachableServer = 3,
  kInterruptedCleanly = 130
};

struct Invocation {
  Settings settings;
  std::vector<std::string> words;  // what stands behind the flags: `topic create T`, `bench encode`
};

struct Command {
  std::string_view name;
  std::string_view purpose;
  std::string_view example;
  std::vector<std::string_view> settings;  // beyond those that every command takes
  /// Defaults that differ from the table's, e.g. produce's and up's rate.
  std::vector<std::pair<std::string_view, std::string_view>> defaults = {};
  std::string_view words = "";  // how they are called in --help; empty: none are taken
  int (*run)(const Invocation&) = nullptr;
};

std::vector<Command> all_commands();
/// Everything that a command takes, beginning with what every command takes.
std::vector<std::string_view> settings_of(const Command& command);

/// What every command takes.
std::span<const std::string_view> settings_for_all();
/// A setting's default for this command.
std::string default_of(const Command& command, const Setting& setting);

/// Puts in what the command takes for default.
void apply_defaults(const Command& command, Settings& settings);

/// Puts the settings of the preset that is asked for in the place of defaults.
void apply_preset(Settings& settings);

/// Prints an error as STYLE's "An error is a sentence" has it; returns its exit code.
int report_error(const Error& error);

/// Runs the program: parses, resolves, dispatches.
int run_main(int argc, char** argv);

}  // namespace ds::cli
