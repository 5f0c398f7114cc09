#include "bench/bare_hook.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <unordered_map>
#include <vector>

namespace ds {
namespace {

constexpr std::string_view kAnswer =
    "HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n"
    "{\"stored\":1}\n";

void watch(const Fd& poller, int fd) {
  epoll_event wish{.events = EPOLLIN, .data = {.fd = fd}};
  ::epoll_ctl(poller.get(), EPOLL_CTL_ADD, fd, &wish);
}

}  // namespace

Result<std::unique_ptr<BareHook>> BareHook::start() {
  auto listener = listen_tcp({"127.0.0.1", 0});
  if (!listener) return std::move(listener).error();
  auto address = local_address(listener->get());
  if (!address) return std::move(address).error();
  return std::unique_ptr<BareHook>(new BareHook(std::move(*listener), std::move(*address)));
}

BareHook::BareHook(Fd listener, Address address)
    : listener_(std::move(listener)),
      address_(std::move(address)),
      thread_([this](std::stop_token stop) { run(stop); }) {}

void BareHook::run(std::stop_token stop) {
  const Fd poller(::epoll_create1(EPOLL_CLOEXEC));
  watch(poller, listener_.get());
  std::unordered_map<int, Fd> clients;
  std::vector<char> bytes(64 << 10);
  epoll_event ready[256];
  while (!stop.stop_requested()) {
    const int count = ::epoll_wait(poller.get(), ready, std::size(ready), 50);
    for (int i = 0; i < count; ++i) {
      const int fd = ready[i].data.fd;
      if (fd == listener_.get()) {
        auto client = accept_connection(fd);
        if (!client || !*client) continue;
        watch(poller, client->get());
        clients[client->get()] = std::move(*client);
      } else if (::recv(fd, bytes.data(), bytes.size(), 0) <= 0) {
        clients.erase(fd);
      } else {
        ::send(fd, kAnswer.data(), kAnswer.size(), MSG_NOSIGNAL);
      }
    }
  }
}

}  // namespace ds
