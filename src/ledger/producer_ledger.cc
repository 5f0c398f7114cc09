#include "ledger/producer_ledger.h"

#include <algorithm>
#include <utility>

namespace ds {
namespace {

/// In how many records a claim may have been published, taking all names for the longest.
std::uint32_t records_at_most(const WindowClaim& claim) {
  constexpr std::size_t kRangeBytes = 34, kKindBytes = 480;
  const std::size_t bytes = (claim.delivered.size() + claim.unknown.size()) * kRangeBytes +
                            (claim.kinds.size() + claim.unknown_kinds.size()) * kKindBytes;
  return 1 + static_cast<std::uint32_t>(bytes / (kClaimBytesMax - 2048));
}

}  // namespace

void ProducerLedger::add(const SentPiece& piece, IntervalSet StreamClaim::*set) {
  const std::lock_guard lock(mutex_);
  Entry& entry = streams_[piece.stream];
  entry.claim.stream = piece.stream;
  (entry.claim.*set).add(piece.range);
  entry.changed = true;
  // Nobody may read them: nothing to sum.
  if (set == &StreamClaim::failed || set == &StreamClaim::aborted) return;
  WindowClaim& window = window_of_piece(entry, piece);
  const bool unknown = set == &StreamClaim::unknown;
  add_range(unknown ? window.unknown : window.delivered, piece.range);
  for (const KindTotal& each : piece.kinds)
    add_total(unknown ? window.unknown_kinds : window.kinds, each.kind, each.total);
}

WindowClaim& ProducerLedger::window_of_piece(Entry& entry, const SentPiece& piece) {
  const auto hour = entry.hours.find(ds::window_of(piece.window, kFoldedSeconds));
  if (hour != entry.hours.end() && hour->second.folded) {
    hour->second.changed = true;
    return hour->second.claim;
  }
  const auto [at, is_new] = entry.windows.try_emplace(piece.window);
  Window& window = at->second;
  window.changed = true;
  if (is_new) {
    window.claim.stream = piece.stream;
    window.claim.window = piece.window;
    if (hour != entry.hours.end())
      window.claim.part = static_cast<std::uint32_t>(
          std::ranges::count(hour->second.closed, piece.window, &ClosedWindow::window));
  }
  return window.claim;
}

void ProducerLedger::acknowledged(const SentPiece& piece) {
  add(piece, &StreamClaim::acknowledged);
}
void ProducerLedger::written(const SentPiece& piece) {
  add(piece, &StreamClaim::written);
}
void ProducerLedger::aborted(const SentPiece& piece) {
  add(piece, &StreamClaim::aborted);
}
void ProducerLedger::failed(const SentPiece& piece) {
  add(piece, &StreamClaim::failed);
}
void ProducerLedger::unknown(const SentPiece& piece) {
  add(piece, &StreamClaim::unknown);
}

void ProducerLedger::take_up(const StreamClaim& claim) {
  const std::lock_guard lock(mutex_);
  streams_[claim.stream].claim = claim;
}

void ProducerLedger::take_up(const WindowClaim& claim) {
  const std::lock_guard lock(mutex_);
  Hour& hour = streams_[claim.stream].hours[ds::window_of(claim.window, kFoldedSeconds)];
  if (claim.seconds == kFoldedSeconds && !hour.folded) {
    // It holds its seconds already; that their keys are not gone yet is made good.
    hour.claim = {};
    hour.folded = true;
    hour.changed = !hour.closed.empty();
  }
  if (claim.seconds == kWindowSeconds) {
    const std::uint32_t part = claim.part / kPartsPerClaim;
    const auto same = std::ranges::find_if(hour.closed, [&](const ClosedWindow& each) {
      return each.window == claim.window && each.part == part;
    });
    const std::uint32_t records = claim.part % kPartsPerClaim + 1;
    if (same == hour.closed.end())
      hour.closed.push_back(
          {.stream = claim.stream, .window = claim.window, .part = part, .records = records});
    else
      same->records = std::max(same->records, records);
  }
  hour.claim.stream = claim.stream;
  hour.claim.window = ds::window_of(claim.window, kFoldedSeconds);
  hour.claim.seconds = kFoldedSeconds;
  hour.claim.unite(claim);
}

ClaimChanges ProducerLedger::take_changed(std::int64_t now_s) {
  const std::lock_guard lock(mutex_);
  ClaimChanges changes;
  for (auto& [stream, entry] : streams_) {
    if (std::exchange(entry.changed, false)) changes.streams.push_back(entry.claim);
    for (auto& [second, window] : entry.windows)
      if (std::exchange(window.changed, false)) {
        window.heard_s = now_s;
        changes.windows.push_back(window.claim);
      }
    close_old(entry, now_s);
    fold_old(entry, now_s, changes);
  }
  return changes;
}

void ProducerLedger::close_old(Entry& entry, std::int64_t now_s) {
  std::erase_if(entry.windows, [&](const auto& each) {
    const auto& [second, window] = each;
    if (now_s - window.heard_s < kOpenSeconds) return false;
    const std::int64_t begin = ds::window_of(second, kFoldedSeconds);
    Hour& hour = entry.hours[begin];
    hour.claim.stream = window.claim.stream;
    hour.claim.window = begin;
    hour.claim.seconds = kFoldedSeconds;
    hour.claim.unite(window.claim);
    hour.closed.push_back({.stream = window.claim.stream,
                           .window = second,
                           .part = window.claim.part,
                           .records = records_at_most(window.claim)});
    return true;
  });
}

void ProducerLedger::fold_old(Entry& entry, std::int64_t now_s, ClaimChanges& into) {
  for (auto& [begin, hour] : entry.hours) {
    const bool over = now_s >= begin + kFoldedSeconds + kFoldAfterSeconds;
    const auto open = entry.windows.lower_bound(begin);
    const bool closed = open == entry.windows.end() || open->first >= begin + kFoldedSeconds;
    if (!hour.folded && over && closed) hour.folded = hour.changed = true;
    if (!hour.folded || !std::exchange(hour.changed, false)) continue;
    into.windows.push_back(hour.claim);
    into.gone.insert(into.gone.end(), hour.closed.begin(), hour.closed.end());
    hour.closed = {};
  }
}

void ProducerLedger::mark_changed(const ClaimChanges& changes) {
  const std::lock_guard lock(mutex_);
  for (const StreamClaim& claim : changes.streams)
    if (const auto found = streams_.find(claim.stream); found != streams_.end())
      found->second.changed = true;
  for (const WindowClaim& claim : changes.windows) {
    const auto found = streams_.find(claim.stream);
    if (found == streams_.end()) continue;
    Entry& entry = found->second;
    if (claim.seconds == kFoldedSeconds) {
      entry.hours[claim.window].changed = true;
    } else if (const auto at = entry.windows.find(claim.window); at != entry.windows.end()) {
      at->second.changed = true;
    }
  }
  for (const ClosedWindow& gone : changes.gone)
    if (const auto found = streams_.find(gone.stream); found != streams_.end()) {
      Hour& hour = found->second.hours[ds::window_of(gone.window, kFoldedSeconds)];
      hour.closed.push_back(gone);
      hour.changed = true;
    }
}

std::vector<StreamClaim> ProducerLedger::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<StreamClaim> claims;
  for (const auto& [stream, entry] : streams_) claims.push_back(entry.claim);
  return claims;
}

}  // namespace ds
