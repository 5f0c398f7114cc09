// What a producer claims of the content it sent: for each second of intended time and each stream
// the sequence numbers delivered, and by brand and sentiment how many and the sum of their hashes
// (record/content_hash.h). Design and cost: docs/ledger.md.
//
// Sums add up, so after an hour seconds fold into one claim for the hour, which says the same of
// more records.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/interval_set.h"
#include "base/result.h"
#include "record/content_hash.h"

namespace ds {

struct KindName {
  std::string brand;
  std::string sentiment;
  bool operator==(const KindName&) const = default;
};
/// The names of a run's kinds in the order of Filled::kinds; the last one, which has no name, is
/// that of payloads that are not tweets, and of records without a value.
std::vector<KindName> kind_names(const std::vector<std::string>& brands);

/// The last one's number where a filler has `kinds` of them: a payload that is not tweets has that
/// one alone.
constexpr std::uint16_t nameless_kind(std::size_t kinds) {
  return static_cast<std::uint16_t>(kinds == 1 ? 0 : kinds);
}

struct KindTotal {
  std::uint16_t kind = 0;  // index into the run's names
  KindSum total;
  bool operator==(const KindTotal&) const = default;
};
void add_total(std::vector<KindTotal>& to, std::uint16_t kind, const KindSum& total);

constexpr std::int64_t kWindowSeconds = 1, kFoldedSeconds = 3600;
/// Where the window that holds `at_s` begins.
constexpr std::int64_t window_of(std::int64_t at_s, std::int64_t seconds) {
  return (at_s >= 0 ? at_s : at_s - seconds + 1) / seconds * seconds;
}

/// Of one stream, for records whose intended time lies in [window, window + seconds), since 1970.
struct WindowClaim {
  std::uint64_t run = 0;
  std::uint32_t stream = 0;
  std::int32_t partition = -1;
  std::int64_t window = 0;
  std::int64_t seconds = kWindowSeconds;
  /// Claims of one window with different parts add up. A window that hears more after it was
  /// closed goes on in a new part.
  std::uint32_t part = 0;

  std::vector<Interval> delivered;  // acknowledged; with acks=0 written. In order, not touching
  std::vector<Interval> unknown;
  std::vector<KindTotal> kinds;          // of what was delivered
  std::vector<KindTotal> unknown_kinds;  // of what is unknown

  std::uint64_t delivered_count() const;
  /// Adds another claim's ranges and sums.
  void unite(const WindowClaim& other);
  bool operator==(const WindowClaim&) const = default;
};
void add_range(std::vector<Interval>& to, Interval range);

std::string window_key(const WindowClaim& claim, std::uint32_t part);

}  // namespace ds
