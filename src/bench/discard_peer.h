// A Kafka broker that acknowledges every batch and keeps none: what a producer is measured against
// when the broker must not be the limit. It reads every byte (no tricks of the kernel), counts
// records by the batches' headers, and says so when asked.
#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <thread>

#include "base/result.h"
#include "net/fd.h"
#include "net/socket.h"

namespace ds {

/// Threads:  one for each connection, blocking; counters are for any thread.
/// Lifetime: the destructor cuts all connections and joins.
class DiscardPeer {
 public:
  /// Leads `partitions` partitions of every topic that it is asked about.
  static Result<std::unique_ptr<DiscardPeer>> start(std::int32_t partitions);
  ~DiscardPeer();

  const Address& address() const { return address_; }
  /// Of all topics but those named datastorm.*.
  std::uint64_t records() const { return records_.load(); }
  std::uint64_t bytes() const { return bytes_.load(); }
  std::uint64_t batches() const { return batches_.load(); }

 private:
  class Visitor;
  explicit DiscardPeer(std::int32_t partitions) : partitions_(partitions) {}
  void accept_until_stopped(std::stop_token stop);

  const std::int32_t partitions_;
  Fd listener_;
  Address address_;
  std::atomic<std::uint64_t> records_{0};
  std::atomic<std::uint64_t> bytes_{0};
  std::atomic<std::uint64_t> batches_{0};
  std::list<std::pair<Fd, std::jthread>> connections_;  // the acceptor's
  std::jthread acceptor_;
};

}  // namespace ds
