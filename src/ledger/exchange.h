// Claims through Kafka: the compacted topic `datastorm.runs`, from which any machine can verify.
#pragma once

#include <vector>

#include "kafka/client/admin.h"
#include "ledger/claim.h"

namespace ds {

/// Publishes a run's claims, for `RunParts::publish`.
///
///   TopicClaims claims(keeper, clock);
///   parts.publish = [&](auto& run, auto& changes) { return claims.publish(run, changes); };
///
/// Threads: one, which is then the keeper's too. Borrows the keeper and the clock.
class TopicClaims {
 public:
  TopicClaims(kafka::TopicKeeper& keeper, const Clock& clock) : keeper_(keeper), clock_(clock) {}

  /// Creates the topic when it is missing, then blocks until the claims are stored with acks=all.
  Status publish(const RunClaim& run, const ClaimChanges& changes);

 private:
  kafka::TopicKeeper& keeper_;
  const Clock& clock_;
  bool topic_exists_ = false;
};

/// All claims of the topic. What is not a claim is passed over and counted in `strange`, when
/// given.
Result<ClaimBook> read_claims(kafka::Admin& admin, std::size_t* strange = nullptr);

/// Claims as record batches of a size that every broker takes, in order: the run first.
Result<std::vector<ByteVec>> claim_batches(const RunClaim& run, const ClaimChanges& changes,
                                           std::int64_t wall_ms);

}  // namespace ds
