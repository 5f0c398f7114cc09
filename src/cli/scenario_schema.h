// A JSON Schema of scenario files, for editors: made from the table of settings, so that it says
// what the program takes.
#pragma once

#include <string>

#include "cli/command.h"

namespace ds::cli {

/// `up`: the command whose settings a scenario holds.
std::string scenario_schema(const Command& up);

}  // namespace ds::cli
