#include "house/sim_store.h"

#include "ledger/read_tweets.h"

namespace ds::simulation {

/// What one pipeline knows of the store.
class SimStore::Door final : public Sink {
 public:
  explicit Door(SimStore& store) : store_(store) {}

  bool keeps_offsets() const override { return store_.keeps_offsets_; }
  Result<Offsets> next_offsets(const LogName&) override {
    Offsets offsets;
    if (!store_.keeps_offsets_) return offsets;
    expected_.clear();
    for (std::int32_t i = 0; i < kPartitions; ++i) {
      expected_[i] = store_.rows_[i].next;
      if (store_.rows_[i].next > 0) offsets[{kTopic, i}] = store_.rows_[i].next;
    }
    return offsets;
  }
  Result<Stored> store(std::span<const kafka::Fetched> batches) override {
    World& world = store_.world_;
    const Error later{.code = ErrorCode::kTimeout, .message = "the store does not answer"};
    if (world.now() < store_.frozen_until_ && !world.calm) return later;
    if (world.chance(2)) return fail(later);  // before anything was written
    if (store_.keeps_offsets_)
      for (const kafka::Fetched& fetched : batches)
        if (expected_[fetched.from.partition] != store_.rows_[fetched.from.partition].next) {
          ++store_.refused;
          return Error{.code = ErrorCode::kRefused, .message = "another consumer has stored"};
        }
    Stored sum;
    for (const kafka::Fetched& fetched : batches) write(fetched, sum);
    // Written, and the answer lost: only a store that may be written to again says "try again".
    if (!store_.keeps_offsets_ && world.chance(2)) return fail(later);
    return sum;
  }
  std::string description() const override { return "simulated"; }

 private:
  Error fail(const Error& error) {
    ++store_.failed;
    ++store_.world_.faults;
    return error;
  }
  void write(const kafka::Fetched& fetched, Stored& sum) {
    const std::int32_t partition = fetched.from.partition;
    SimStore::Rows& rows = store_.rows_[partition];
    std::int64_t from = fetched.first_offset;
    if (store_.keeps_offsets_) {
      if (fetched.first_offset > rows.next)
        store_.world_.broken(fmt::format("partition {}: stored from {} on, {} was next", partition,
                                         fetched.first_offset, rows.next));
      from = std::max(from, rows.next);
    }
    kafka::BatchCursor batches(fetched.bytes);
    std::int64_t next = fetched.first_offset;
    while (const auto batch = batches.next()) {
      ByteVec scratch;
      kafka::RecordReader records(*batch, scratch);
      while (const auto record = records.next()) {
        if (record->offset < from) continue;
        const auto id = parse_binary_id(
            {reinterpret_cast<const char*>(record->value->data()), record->value->size()});
        if (!id) return store_.world_.broken("a record came out other than it went in");
        store_.put(partition, record->offset, *id);
        ++sum.stored;
      }
      if (!records.status())
        return store_.world_.broken("a batch cannot be read: " + records.status().error().message);
      next = batch->header.next_offset();
    }
    if (store_.keeps_offsets_) expected_[partition] = rows.next = std::max(rows.next, next);
  }

  SimStore& store_;
  std::map<std::int32_t, std::int64_t> expected_;
};

std::unique_ptr<Sink> SimStore::sink() {
  return std::make_unique<Door>(*this);
}

void SimStore::put(std::int32_t partition, std::int64_t offset, const RecordId& id) {
  Rows& rows = rows_[partition];
  const auto [row, is_new] = rows.by_offset.emplace(offset, id);
  world_.note(mix_bits(id.sequence) ^ static_cast<std::uint64_t>(offset));
  if (!is_new) {
    ++written_twice;
    if (keeps_offsets_)
      world_.broken(fmt::format("partition {}: offset {} is stored twice", partition, offset));
    if (row->second != id)
      world_.broken(
          fmt::format("partition {}: offset {} holds another record now", partition, offset));
    return;
  }
  ++stored;
  while (rows.by_offset.contains(rows.prefix)) ++rows.prefix;
}

}  // namespace ds::simulation
