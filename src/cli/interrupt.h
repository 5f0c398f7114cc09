// Ctrl-C and SIGTERM ask for a clean end; another one, a second later or more, ends at once.
#pragma once

namespace ds::cli {

/// Installs the handlers; one at a time, for the length of a command.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  static bool asked();
  /// For servers, whose normal end is to be told: 0 after SIGTERM, 130 after Ctrl-C.
  static int servers_exit_code();
  /// Sleeps until `milliseconds` have passed or somebody asks; true when asked.
  static bool wait(int milliseconds);
};

}  // namespace ds::cli
