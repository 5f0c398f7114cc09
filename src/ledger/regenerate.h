// What a run's records must say, from its claim alone: to name the records that say something else.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "ledger/claim.h"
#include "record/generator.h"

namespace ds {

MixClaim mix_claim(const Mix& mix, std::uint64_t from_batch = 0);
Result<Mix> mix_of(const MixClaim& claim);

/// Threads: one. Cost: some 20 ns a record in order.
class Regenerator {
 public:
  /// Nothing when the claim does not tell enough, or the payload is not tweets.
  static std::optional<Regenerator> from(const RunClaim& claim);

  struct Said {
    std::string_view text, brand, sentiment;  // until the next call
  };
  Said said(std::uint32_t stream, std::uint64_t sequence);
  std::uint64_t batch_of(std::uint64_t sequence) const { return sequence / numbering_.batch_size; }

 private:
  Regenerator(TweetSettings settings, std::vector<std::pair<std::uint64_t, Mix>> mixes);

  Numbering numbering_;
  std::unique_ptr<TweetGenerator> generator_;
  std::vector<std::pair<std::uint64_t, Mix>> mixes_;  // from batch
  std::optional<TweetGenerator::Batch> batch_;        // the one asked for last
  TweetPool::Variant afresh_;
};

}  // namespace ds
