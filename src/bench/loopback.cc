#include "bench/loopback.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <atomic>
#include <thread>
#include <vector>

#include "net/socket.h"

namespace ds {
namespace {

void make_blocking(int fd) {
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) & ~O_NONBLOCK);
}

struct Pair {
  Fd sender;
  Fd receiver;
};

Result<Pair> connect_pair() {
  auto listener = listen_tcp({"127.0.0.1", 0});
  if (!listener) return std::move(listener).error();
  auto address = local_address(listener->get());
  if (!address) return std::move(address).error();
  auto sender = connect_tcp(*address, kSecond);
  if (!sender) return std::move(sender).error();
  for (int tries = 0; tries < 1000; ++tries) {
    auto receiver = accept_connection(listener->get());
    if (!receiver) return std::move(receiver).error();
    if (!*receiver) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      continue;
    }
    make_blocking(sender->get());
    make_blocking(receiver->get());
    return Pair{std::move(*sender), std::move(*receiver)};
  }
  return Error{.code = ErrorCode::kTimeout, .message = "loopback accepted nothing within a second"};
}

}  // namespace

Result<double> loopback_bandwidth(const LoopbackSettings& settings, const Clock& clock) {
  std::vector<Pair> pairs;
  for (int i = 0; i < settings.connections; ++i) {
    auto pair = connect_pair();
    if (!pair) return std::move(pair).error();
    pairs.push_back(std::move(*pair));
  }
  std::atomic<std::uint64_t> received{0};
  const Nanos begun = clock.now(), end = begun + settings.duration;
  {
    std::vector<std::jthread> threads;
    for (Pair& pair : pairs) {
      threads.emplace_back([&, fd = pair.sender.get()] {
        const std::vector<char> bytes(settings.write_bytes, 'x');
        while (clock.now() < end)
          if (::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) <= 0) break;
        ::shutdown(fd, SHUT_WR);
      });
      threads.emplace_back([&, fd = pair.receiver.get()] {
        std::vector<char> bytes(settings.write_bytes);
        for (ssize_t n; (n = ::recv(fd, bytes.data(), bytes.size(), 0)) > 0;)
          received += static_cast<std::uint64_t>(n);
      });
    }
  }
  return static_cast<double>(received.load()) * 1e9 / static_cast<double>(clock.now() - begun);
}

}  // namespace ds
