// Holding a topic against the ledger; the store's side is sink/sqlite_reader.h.
#pragma once

#include <functional>
#include <map>
#include <memory>

#include "base/clock.h"
#include "kafka/client/source.h"
#include "ledger/balance.h"
#include "ledger/stage.h"
#include "record/tweet_decoder.h"

namespace ds {

/// The run that a person names: "latest", or its twelve hex digits.
Result<const ClaimedRun*> choose_run(const ClaimBook& book, const std::string& name);

/// Tells a visitor what fetched batches hold: tweets, and other payloads by their header `ds-id`;
/// what has no identity is foreign.
void visit_records(const kafka::Fetched& fetched, ByteVec& scratch, TweetDecoder& decoder,
                   StageVisitor& visitor);

/// A topic from `starts` to `ends`, each time through a source of its own (one without a group).
/// Offsets by partition, as the cluster tells them when the reading begins. Reading fails when
/// nothing came for `patience`.
class TopicStage final : public StageReader {
 public:
  using MakeSource =
      std::function<Result<std::unique_ptr<kafka::Source>>(kafka::AssignmentListener&)>;
  using Offsets = std::map<kafka::TopicPartition, std::int64_t>;

  TopicStage(std::string topic, MakeSource make_source, Offsets starts, Offsets ends,
             Nanos patience, const Clock& clock)
      : topic_(std::move(topic)),
        make_source_(std::move(make_source)),
        starts_(std::move(starts)),
        ends_(std::move(ends)),
        patience_(patience),
        clock_(clock) {}

  std::string stage() const override { return "topic " + topic_; }
  Status read(StageVisitor& visitor) override;

 private:
  const std::string topic_;
  const MakeSource make_source_;
  const Offsets starts_, ends_;
  const Nanos patience_;
  const Clock& clock_;
};

}  // namespace ds
