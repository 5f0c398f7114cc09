// The subcommands, one file each; all_commands() lists them in the order of --help.
#pragma once

#include <optional>

#include "cli/command.h"

namespace ds::cli {

Command up_command();
/// Everything that is wrong with settings of `up`, at once.
std::optional<Error> check_up(const Settings& settings);
Command produce_command();
Command consume_command();
Command broker_command();
Command serve_command();
Command gateway_command();
Command sensors_command();
Command monitor_command();
Command topic_command();
Command user_command();
Command verify_command();
Command report_command();
Command bench_command();
Command config_command();
Command completion_command();
Command man_command();
Command version_command();

}  // namespace ds::cli
