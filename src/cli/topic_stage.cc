#include "cli/topic_stage.h"

#include "kafka/client/fetcher.h"

namespace ds::cli {
namespace {

constexpr Nanos kPatience = 15 * kSecond;

}  // namespace

Result<TopicStage> topic_stage(kafka::Admin& admin, const TopicReading& reading,
                               const std::string& topic, std::optional<std::int64_t> since_ms) {
  auto starts = since_ms ? admin.offsets_at(topic, *since_ms) : admin.start_offsets(topic);
  if (!starts) return std::move(starts).error();
  auto ends = admin.end_offsets(topic);
  if (!ends) return std::move(ends).error();
  const auto named = [&](const kafka::Offsets& offsets) {
    TopicStage::Offsets all;
    for (const auto& [partition, offset] : offsets) all[{topic, partition}] = offset;
    return all;
  };
  const TopicStage::MakeSource make_source = [reading, topic](kafka::AssignmentListener& listener) {
    kafka::ConsumerSettings consumer;
    consumer.topic = topic;
    consumer.read_committed = reading.read_committed;
    return kafka::make_direct_source(reading.client, consumer, listener, reading.clock,
                                     reading.log);
  };
  return TopicStage(topic, make_source, named(*starts), named(*ends), kPatience, reading.clock);
}

}  // namespace ds::cli
