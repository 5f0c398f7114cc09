// What a run of sensors claims, and which of its readings one is. Its readings have one numbering:
// number i is producer `first + i mod producers`, sequence i div producers, made i / rate after the
// start. So all of a run is one stream in the claims, however many sensors there are; who was hit
// is worked out when the claims are read.
#pragma once

#include <optional>

#include "ledger/claim.h"
#include "record/distribution.h"
#include "record/reading.h"

namespace ds {

constexpr const char* kReadingPayload = "reading";

/// A value. Threads: any.
struct ReadingRun {
  std::uint32_t producers = 1;
  std::int64_t first_producer = 1;
  double rate = 0;
  Distribution distribution;
  std::uint64_t seed = 1;
  std::int64_t started_ms = 0;
  std::int64_t ended_ms = 0;  // 0: not known

  /// Nothing for runs of other payloads.
  static std::optional<ReadingRun> from(const RunClaim& claim);
  /// Puts payload, streams, seed and settings into a claim.
  void put_into(RunClaim& claim) const;

  bool has(std::int64_t producer_id, std::int64_t made_ms) const {
    return producer_id >= first_producer &&
           producer_id - first_producer < std::int64_t{producers} && made_ms >= started_ms &&
           (ended_ms == 0 || made_ms <= ended_ms);
  }
  std::uint64_t number_of(std::int64_t producer_id, std::int64_t sequence) const {
    return static_cast<std::uint64_t>(sequence) * producers +
           static_cast<std::uint64_t>(producer_id - first_producer);
  }
  /// The reading of that number, as it was made.
  Reading reading(std::uint64_t number) const;
  /// The sequence numbers of one producer among numbers of the run.
  IntervalSet of_producer(std::int64_t producer_id, const IntervalSet& numbers) const;
};

}  // namespace ds
