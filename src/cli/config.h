#pragma once

#include "cli/command.h"

namespace ds::cli {

Command config_command();

}  // namespace ds::cli
