// The benchmarks' discarding peer as a program: it acknowledges everything, keeps nothing, and says
// at the end what it counted itself.
//
//   discard_peer PARTITIONS     prints "ready at ADDRESS"; at SIGINT
//   {"records":…,"batches":…,"bytes":…}
#include <fmt/format.h>
#include <signal.h>

#include <cstdlib>

#include "bench/discard_peer.h"

int main(int argc, char** argv) {
  const int partitions = argc == 2 ? std::atoi(argv[1]) : 0;
  if (partitions < 1) return fmt::print(stderr, "usage: discard_peer PARTITIONS\n"), 2;
  sigset_t asked;
  sigemptyset(&asked);
  sigaddset(&asked, SIGINT);
  sigaddset(&asked, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &asked, nullptr);  // in every thread that is made from here on
  auto peer = ds::DiscardPeer::start(partitions);
  if (!peer) return fmt::print(stderr, "{}\n", peer.error().message), 1;
  fmt::print("ready at {}\n", (*peer)->address().to_string());
  std::fflush(stdout);
  int signal = 0;
  sigwait(&asked, &signal);
  fmt::print("{{\"records\":{},\"batches\":{},\"bytes\":{}}}\n", (*peer)->records(),
             (*peer)->batches(), (*peer)->bytes());
}
