#include "bench/child.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

namespace ds {
namespace {

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}
double cpu_of(const rusage& usage) {
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

struct Pipe {
  Fd read, write;
};
Result<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    return Error{.message = fmt::format("no pipe: {}", ::strerror(errno)), .system = errno};
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

}  // namespace

Result<std::unique_ptr<Child>> Child::start(const std::string& script,
                                            const std::vector<std::string>& arguments) {
  auto input = make_pipe();
  if (!input) return std::move(input).error();
  auto output = make_pipe();
  if (!output) return std::move(output).error();

  std::vector<std::string> words{"sh", "-c", script, "sh"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);

  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, input->read.get(), 0);
  posix_spawn_file_actions_adddup2(&files, output->write.get(), 1);
  posix_spawn_file_actions_adddup2(&files, output->write.get(), 2);
  posix_spawnattr_t how;
  posix_spawnattr_init(&how);
  sigset_t none;  // we may have blocked some
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&how, &none);
  posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);
  pid_t pid = -1;
  const int error = ::posix_spawnp(&pid, "sh", &files, &how, argv.data(), environ);
  posix_spawnattr_destroy(&how);
  posix_spawn_file_actions_destroy(&files);
  if (error != 0)
    return Error{.message = fmt::format("sh cannot be started: {}", ::strerror(error)),
                 .system = error};
  return std::unique_ptr<Child>(new Child(pid, std::move(input->write), std::move(output->read)));
}

Child::Child(pid_t pid, Fd input, Fd output)
    : pid_(pid), input_(std::move(input)), output_(std::move(output)) {}

Child::~Child() {
  wait();
}

std::optional<std::string> Child::read_line() {
  for (;;) {
    if (const auto end = pending_.find('\n'); end != std::string::npos) {
      std::string line = pending_.substr(0, end);
      pending_.erase(0, end + 1);
      return line;
    }
    char bytes[4096];
    const ssize_t n = ::read(output_.get(), bytes, sizeof bytes);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      if (pending_.empty()) return std::nullopt;
      return std::exchange(pending_, {});
    }
    pending_.append(bytes, static_cast<std::size_t>(n));
  }
}

void Child::signal(int number) {
  if (!ended_) ::kill(pid_, number);
}

Child::Ended Child::wait() {
  if (ended_) return *ended_;
  input_.close();
  while (read_line()) {
  }
  int status = 0;
  rusage usage{};
  while (::wait4(pid_, &status, 0, &usage) < 0 && errno == EINTR) {
  }
  ended_ = Ended{WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), cpu_of(usage)};
  return *ended_;
}

double own_cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return cpu_of(usage);
}

}  // namespace ds
