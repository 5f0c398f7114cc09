#include "cli/commands.h"

namespace ds::cli {

std::vector<Command> all_commands() {
  return {up_command(),     produce_command(), consume_command(),    broker_command(),
          serve_command(),  gateway_command(), sensors_command(),    monitor_command(),
          topic_command(),  user_command(),    verify_command(),     report_command(),
          bench_command(),  config_command(),  completion_command(), man_command(),
          version_command()};
}

}  // namespace ds::cli
