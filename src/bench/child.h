// A child process that runs a shell script: its output read as lines, its processor time counted.
//
//   auto child = Child::start("seq \"$1\"", {"3"});
//   while (auto line = (*child)->read_line()) use(*line);
//   const Child::Ended ended = (*child)->wait();
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "net/fd.h"

namespace ds {

/// Threads:  one.
/// Lifetime: the destructor closes the child's input and waits for it.
class Child {
 public:
  struct Ended {
    int exit_code = -1;      // 128 + the signal that ended it
    double cpu_seconds = 0;  // its own, and of the children that it waited for
  };

  /// Runs `sh -c script` with $1, $2 …; standard error joins standard output. The child is in a
  /// session of its own: Ctrl-C ends it only through us, by its input's end.
  static Result<std::unique_ptr<Child>> start(const std::string& script,
                                              const std::vector<std::string>& arguments);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// Without its end of line; nothing when the child has closed its output.
  std::optional<std::string> read_line();
  void close_input() { input_.close(); }
  pid_t pid() const { return pid_; }  // the shell's, or what it has become by exec
  /// Nothing once it has been waited for.
  void signal(int number);
  /// Closes its input, drops its output, waits for its end; a second call returns the same.
  Ended wait();

 private:
  Child(pid_t pid, Fd input, Fd output);

  pid_t pid_;
  Fd input_;   // what we write is its standard input
  Fd output_;  // what it writes
  std::string pending_;
  std::optional<Ended> ended_;
};

/// Of this process, in user and kernel mode.
double own_cpu_seconds();

}  // namespace ds
