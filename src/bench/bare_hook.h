// The physical reference of a webhook that answers one event a request: a thread that answers 202
// to whatever comes, at once and unread, so that nothing is left but sockets and epoll.
#pragma once

#include <memory>
#include <thread>

#include "base/result.h"
#include "net/socket.h"

namespace ds {

/// Threads: one of its own. Takes what one read gives for one request.
class BareHook {
 public:
  static Result<std::unique_ptr<BareHook>> start();
  const Address& address() const { return address_; }

 private:
  BareHook(Fd listener, Address address);
  void run(std::stop_token stop);

  Fd listener_;
  Address address_;
  std::jthread thread_;  // last: starts after, joins before, what it uses
};

}  // namespace ds
