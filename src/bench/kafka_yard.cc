#include "bench/kafka_yard.h"

#include <algorithm>

#include "bench/storm_rig.h"
#include "kafka/client/admin.h"

namespace ds {
namespace {

// The first 100 to 200 M records measure the Java compiler, not Kafka.
constexpr std::uint64_t kWarmUpRecords = 120'000'000;
constexpr Nanos kWarmUpMax = 30 * kSecond;
constexpr std::int32_t kPartitions = 32;
constexpr int kConnections = 8, kInFlight = 2;

}  // namespace

std::map<std::string, std::string> KafkaYard::brief_topic() {
  return {{"retention.bytes", "134217728"}, {"retention.ms", "-1"}, {"segment.bytes", "67108864"}};
}

const std::string& KafkaYard::why_not() {
  if (!asked_) {
    asked_ = true;
    tools_missing_ = why_no_kafka(settings_.script);
    if (settings_.brokers.empty()) why_not_ = tools_missing_;
  }
  return why_not_;
}

Result<const KafkaPlace*> KafkaYard::cluster(int nodes) {
  if (!why_not().empty()) return Error{.message = why_not_};
  if (const auto found = places_.find(nodes); found != places_.end()) return &found->second.place;
  Place place;
  place.place.nodes = nodes;
  place.place.tools_missing = tools_missing_;
  place.place.folder = settings_.folder;
  place.place.brokers = settings_.brokers;
  if (settings_.brokers.empty()) {
    place.place.folder += fmt::format("/kafka-{}", nodes);
    auto started = RealKafka::start(settings_.script, place.place.folder, nodes);
    if (!started) return std::move(started).error();
    place.own = std::move(*started);
    place.place.brokers = place.own->brokers();
  }
  if (Status warm = warm_up(place.place); !warm)
    return std::move(warm).error().while_trying("warm Kafka up");
  return &places_.emplace(nodes, std::move(place)).first->second.place;
}

/// By the storm, which tries again where a new topic has no leader yet; and librdkafka's way, whose
/// smaller batches Kafka's compiler has not seen then.
Status KafkaYard::warm_up(KafkaPlace& place) {
  kafka::ClientSettings client;
  client.brokers = place.brokers;
  kafka::Admin admin(client, clock_, log_);
  const std::string topic = fmt::format("datastorm-warm-up-{}", clock_.wall_ms());
  auto made =
      admin.ensure_topic({.name = topic, .partitions = kPartitions, .configs = brief_topic()});
  if (!made) return std::move(made).error();
  StormRigSettings rig{.brokers = place.brokers,
                       .topic = topic,
                       .partitions = kPartitions,
                       .connections = kConnections,
                       .in_flight = kInFlight,
                       .total = kWarmUpRecords,
                       .duration = std::min(kWarmUpMax, 15 * settings_.duration)};
  auto warm = storm(rig, clock_, log_);
  if (!warm) return std::move(warm).error();
  place.warmed_up_with = warm->account.acknowledged;
  rig.engine = Engine::kRdkafka;
  rig.in_flight = 5;
  rig.total = 0;
  rig.duration = std::max(settings_.duration / 2, kSecond);  // some come through, however busy
  for (int i = 0; i < 2; ++i)
    if (auto turn = storm(rig, clock_, log_); !turn) return std::move(turn).error();
  return admin.delete_topic(topic);
}

}  // namespace ds
