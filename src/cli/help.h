// What --help prints, made from the table of settings.
#pragma once

#include <span>
#include <string>

#include "cli/command.h"

namespace ds::cli {

std::string help_of_all(std::span<const Command> commands);
/// Lines of at most `columns`, where a word allows it.
std::string help_of(const Command& command, std::size_t columns = 100);

}  // namespace ds::cli
