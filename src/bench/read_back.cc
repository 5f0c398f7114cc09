#include "bench/read_back.h"

#include "kafka/client/admin.h"
#include "kafka/client/fetcher.h"
#include "kafka/wire/record_batch.h"

namespace ds {
namespace {

constexpr Nanos kReadMax = 60 * kSecond;

class FromThere final : public kafka::AssignmentListener {
 public:
  explicit FromThere(kafka::Offsets starts) : starts_(std::move(starts)) {}
  std::map<kafka::TopicPartition, std::int64_t> on_assigned(const kafka::Assigned& given) override {
    std::map<kafka::TopicPartition, std::int64_t> starts;
    for (const auto& each : given.partitions) starts[each] = starts_[each.partition];
    return starts;
  }
  void on_revoked(const std::vector<kafka::TopicPartition>&) override {}

 private:
  kafka::Offsets starts_;
};

}  // namespace

Result<ReadBack> read_back(const std::vector<Address>& brokers, const std::string& topic,
                           const Clock& clock, Log& log) {
  kafka::ClientSettings client;
  client.brokers = brokers;
  kafka::Admin admin(client, clock, log);
  auto starts = admin.start_offsets(topic);
  if (!starts) return std::move(starts).error();
  const auto ends = admin.end_offsets(topic);
  if (!ends) return ends.error();
  std::uint64_t there = 0;
  for (const auto& [partition, end] : *ends)
    there += static_cast<std::uint64_t>(end - (*starts)[partition]);

  FromThere listener(std::move(*starts));
  kafka::ConsumerSettings consumer;
  consumer.topic = topic;
  auto source = kafka::make_direct_source(client, consumer, listener, clock, log);
  if (!source) return std::move(source).error();
  ReadBack read;
  std::vector<kafka::Fetched> fetched;
  const Nanos begun = clock.now();
  while (read.records < there) {
    fetched.clear();
    if (Status polled = (*source)->poll(100 * kMillisecond, fetched); !polled)
      return polled.error();
    for (const kafka::Fetched& each : fetched) {
      read.bytes += each.bytes.size();
      for (kafka::BatchCursor batches(each.bytes); const auto batch = batches.next();)
        read.records += static_cast<std::uint64_t>(batch->header.record_count);
    }
    if (clock.now() - begun > kReadMax) break;
  }
  read.seconds = static_cast<double>(clock.now() - begun) / 1e9;
  (*source)->close(clock.now() + kSecond);
  if (read.records != there)
    return Error{.message =
                     fmt::format("{} records are stored, but {} came back", there, read.records)};
  return read;
}

}  // namespace ds
