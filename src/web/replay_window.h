// Which messages have come already: at most so many are remembered, each at most so long.
//
// A ring in the order of arrival, and an open table of 32-bit places in it: 32 bytes a message.
// When the ring is full the oldest is forgotten before its time; forgotten_until() tells up to
// which time of signing that has happened, so that what is older and says so can be refused.
#pragma once

#include <cstdint>
#include <vector>

#include "base/clock.h"

namespace ds {

/// Threads: one. Cost: one probe of the table a message; memory grows with use, up to the limit.
class ReplayWindow {
 public:
  ReplayWindow(std::size_t messages_max, Nanos window);

  enum class Seen {
    kNew,      // and now remembered, as under way by `ticket`
    kPending,  // a copy is under way: see ticket()
    kStored,
    kFull,  // nothing may be forgotten, as all are under way
  };
  Seen begin(std::uint64_t message, std::uint64_t ticket, std::int64_t signed_s, Nanos now);
  /// After kPending: by which ticket.
  std::uint64_t ticket() const { return ticket_; }
  void stored(std::uint64_t message);
  /// It was not stored after all: it may come again.
  void forget(std::uint64_t message);

  std::int64_t forgotten_until() const { return forgotten_until_; }
  std::size_t size() const { return size_; }

 private:
  struct Entry {
    std::uint64_t message;
    std::uint64_t ticket;  // 0: stored; kNone: forgotten
    Nanos at;
    std::int64_t signed_s;
  };
  static constexpr std::uint64_t kNone = ~std::uint64_t{0};

  std::size_t slot_of(std::uint64_t message) const;  // where it is, or would be
  void unlink(std::uint64_t message);
  bool drop_oldest(Nanos now, bool before_its_time);
  void grow();

  const std::size_t messages_max_;
  const Nanos window_;
  std::vector<Entry> ring_;           // a power of two
  std::vector<std::uint32_t> table_;  // place in the ring + 1; 0: empty
  std::size_t first_ = 0, size_ = 0;
  std::uint64_t ticket_ = 0;
  std::int64_t forgotten_until_ = -1;
};

}  // namespace ds
