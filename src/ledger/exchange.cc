#include "ledger/exchange.h"

#include "kafka/wire/record_batch.h"

namespace ds {
namespace {

constexpr std::size_t kBatchBytes = 512 << 10;  // half of what brokers take unless told

/// One partition: claims are few, and their order is then the topic's. Small segments: only closed
/// ones are compacted.
const kafka::TopicSpec kRunsSpec{
    .name = kRunsTopic,
    .partitions = 1,
    .configs = {{"cleanup.policy", "compact"}, {"segment.bytes", "1048576"}}};

}  // namespace

Result<std::vector<ByteVec>> claim_batches(const RunClaim& run, const ClaimChanges& changes,
                                           std::int64_t wall_ms) {
  std::vector<ByteVec> batches;
  kafka::RecordBatchBuilder builder({});
  const auto finish_batch = [&]() -> Status {
    auto batch = builder.build();
    if (!batch) return std::move(batch).error();
    batches.push_back(std::move(batch).value());
    return Done{};
  };
  const auto add = [&](const ClaimRecord& record) -> Status {
    if (!builder.empty() &&
        builder.plain_bytes() + record.key.size() + record.value.size() > kBatchBytes)
      if (auto finished = finish_batch(); !finished) return finished;
    kafka::RecordBatchBuilder::Record made{.timestamp = wall_ms, .key = as_bytes(record.key)};
    if (!record.value.empty()) made.value = as_bytes(record.value);  // else it deletes the key
    builder.add(made);
    return Done{};
  };
  for (const ClaimRecord& record : to_records(run, changes))
    if (auto added = add(record); !added) return std::move(added).error();
  if (auto finished = finish_batch(); !finished) return std::move(finished).error();
  return batches;
}

Status TopicClaims::publish(const RunClaim& run, const ClaimChanges& changes) {
  if (!topic_exists_) {
    if (auto topic = keeper_.ready_partitions(kRunsSpec); !topic) return std::move(topic).error();
    topic_exists_ = true;
  }
  auto batches = claim_batches(run, changes, clock_.wall_ms());
  if (!batches) return std::move(batches).error();
  for (const ByteVec& batch : *batches)
    if (auto stored = keeper_.produce_sync(kRunsTopic, 0, batch); !stored)
      return std::move(stored).error();
  return Done{};
}

Result<ClaimBook> read_claims(kafka::Admin& admin, std::size_t* strange) {
  ClaimBook book;
  const auto read = admin.read_all(kRunsTopic, [&](std::int32_t, const kafka::RecordView& record) {
    if (!record.key) return;
    const auto added = book.add(as_text(*record.key), as_text(record.value.value_or(ByteView{})));
    if (!added && strange != nullptr) ++*strange;
  });
  if (!read) {
    Error error = read.error();
    return std::move(error).while_trying(fmt::format("read the claims in {}", kRunsTopic));
  }
  return book;
}

}  // namespace ds
