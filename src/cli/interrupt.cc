#include "cli/interrupt.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <ctime>

#include "base/check.h"

namespace ds::cli {
namespace {

std::atomic<int> g_asked{0};
std::atomic<int> g_signal{0};
std::atomic<std::int64_t> g_first{0};  // when the first one came
int g_pipe[2] = {-1, -1};

constexpr std::int64_t kSameAsk = 1'000'000'000;  // ns

std::int64_t now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

/// Async-signal-safe: atomics, clock_gettime(), write() and _exit() only. Shells and `timeout` send
/// a signal to the process and to its group, so two that come at once are one.
void on_signal(int number) {
  g_signal = number;
  if (g_asked.fetch_add(1) == 0)
    g_first = now();
  else if (now() - g_first.load() > kSameAsk)
    _exit(130);
  const char byte = 0;
  if (::write(g_pipe[1], &byte, 1) < 0) return;
}

}  // namespace

Interrupt::Interrupt() {
  g_asked = 0;
  check(::pipe2(g_pipe, O_CLOEXEC | O_NONBLOCK) == 0, "pipe2 failed");
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

Interrupt::~Interrupt() {
  signal(SIGINT, SIG_DFL);
  signal(SIGTERM, SIG_DFL);
  ::close(g_pipe[0]);
  ::close(g_pipe[1]);
}

bool Interrupt::asked() {
  return g_asked.load() > 0;
}

int Interrupt::servers_exit_code() {
  return g_signal.load() == SIGTERM ? 0 : 130;
}

bool Interrupt::wait(int milliseconds) {
  if (asked()) return true;
  pollfd ready{g_pipe[0], POLLIN, 0};
  ::poll(&ready, 1, milliseconds);
  return asked();
}

}  // namespace ds::cli
