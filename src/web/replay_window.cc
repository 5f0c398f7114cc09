#include "web/replay_window.h"

#include <algorithm>
#include <bit>

#include "base/check.h"
#include "base/random.h"

namespace ds {
namespace {
constexpr std::size_t kFirstRing = 1024;
}

ReplayWindow::ReplayWindow(std::size_t messages_max, Nanos window)
    : messages_max_(std::bit_ceil(std::max<std::size_t>(messages_max, 1))), window_(window) {
  check(messages_max_ <= (std::size_t{1} << 30), "a replay window of a billion messages");
  ring_.resize(std::min(messages_max_, kFirstRing));
  table_.resize(2 * ring_.size());
}

std::size_t ReplayWindow::slot_of(std::uint64_t message) const {
  const std::size_t mask = table_.size() - 1;
  for (std::size_t slot = mix_bits(message) & mask;; slot = (slot + 1) & mask)
    if (table_[slot] == 0 || ring_[table_[slot] - 1].message == message) return slot;
}

ReplayWindow::Seen ReplayWindow::begin(std::uint64_t message, std::uint64_t ticket,
                                       std::int64_t signed_s, Nanos now) {
  while (drop_oldest(now, false)) continue;
  if (const std::uint32_t at = table_[slot_of(message)]; at != 0) {
    ticket_ = ring_[at - 1].ticket;
    return ticket_ == 0 ? Seen::kStored : Seen::kPending;
  }
  if (size_ == ring_.size()) {
    if (size_ < messages_max_)
      grow();
    else if (!drop_oldest(now, true))
      return Seen::kFull;
  }
  const std::size_t at = (first_ + size_++) & (ring_.size() - 1);
  ring_[at] = {message, ticket, now, signed_s};
  table_[slot_of(message)] = static_cast<std::uint32_t>(at + 1);
  return Seen::kNew;
}

void ReplayWindow::stored(std::uint64_t message) {
  if (const std::uint32_t at = table_[slot_of(message)]; at != 0) ring_[at - 1].ticket = 0;
}

void ReplayWindow::forget(std::uint64_t message) {
  const std::uint32_t at = table_[slot_of(message)];
  if (at == 0) return;
  unlink(message);
  ring_[at - 1].ticket = kNone;
}

/// Takes it out of the table and moves up what probed past it (Knuth, volume 3, 6.4 R).
void ReplayWindow::unlink(std::uint64_t message) {
  const std::size_t mask = table_.size() - 1;
  std::size_t hole = slot_of(message);
  for (std::size_t slot = (hole + 1) & mask; table_[slot] != 0; slot = (slot + 1) & mask) {
    const std::size_t home = mix_bits(ring_[table_[slot] - 1].message) & mask;
    if (((slot - home) & mask) < ((slot - hole) & mask)) continue;
    table_[hole] = table_[slot];
    hole = slot;
  }
  table_[hole] = 0;
}

bool ReplayWindow::drop_oldest(Nanos now, bool before_its_time) {
  if (size_ == 0) return false;
  const Entry& oldest = ring_[first_];
  const bool gone = oldest.ticket == kNone;
  const bool over = now - oldest.at > window_;
  if (!gone && oldest.ticket != 0) return false;  // under way
  if (!gone && !over && !before_its_time) return false;
  if (!gone) {
    if (!over) forgotten_until_ = std::max(forgotten_until_, oldest.signed_s);
    unlink(oldest.message);
  }
  first_ = (first_ + 1) & (ring_.size() - 1);
  --size_;
  return true;
}

void ReplayWindow::grow() {
  std::vector<Entry> larger(2 * ring_.size());
  for (std::size_t i = 0; i < size_; ++i) larger[i] = ring_[(first_ + i) & (ring_.size() - 1)];
  ring_ = std::move(larger);
  first_ = 0;
  table_.assign(2 * ring_.size(), 0);
  for (std::size_t i = 0; i < size_; ++i)
    if (ring_[i].ticket != kNone)
      table_[slot_of(ring_[i].message)] = static_cast<std::uint32_t>(i + 1);
}

}  // namespace ds
