#include "cli/commands.h"

namespace ds::cli {

std::vector<Command> all_commands() {
  return {produce_command(), broker_command(), topic_command(), bench_command(), monitor_command(), config_command(), version_command()};
}

}  // namespace ds::cli
