#include "cli/producer_properties.h"

#include <gtest/gtest.h>

namespace ds::cli {
namespace {

TEST(ProducerProperties, AreTakenByEitherClientsName) {
  kafka::ClientSettings client;
  client.properties = {{"acks", "all"},
                       {"compression.type", "zstd"},
                       {"compression.level", "3"},
                       {"enable.idempotence", "true"},
                       {"linger.ms", "7"},
                       {"max.in.flight", "2"},
                       {"message.timeout.ms", "9000"},
                       {"request.timeout.ms", "8000"},
                       {"statistics.interval.ms", "1"}};
  kafka::ProducerSettings producer;
  EXPECT_TRUE(take_producer_properties(client, producer).empty());
  EXPECT_EQ(producer.acks, kafka::Acks::kAll);
  EXPECT_EQ(producer.compression, "zstd");
  EXPECT_EQ(producer.compression_level, 3);
  EXPECT_TRUE(producer.idempotent);
  EXPECT_EQ(producer.linger, 7 * kMillisecond);
  EXPECT_EQ(producer.in_flight_max, 2);
  EXPECT_EQ(producer.delivery_timeout, 9 * kSecond);
  EXPECT_EQ(client.request_timeout, 8 * kSecond);
  EXPECT_EQ(client.properties.size(), 1u) << "what it does not know stays";
}

TEST(ProducerProperties, SayEverythingThatIsWrongByName) {
  for (const std::string_view name : producer_property_names()) {
    kafka::ClientSettings client;
    client.properties = {{std::string(name), "lots"}};
    kafka::ProducerSettings producer;
    const auto wrong = take_producer_properties(client, producer);
    ASSERT_EQ(wrong.size(), 1u) << name;
    EXPECT_EQ(wrong[0].message, fmt::format("{}: 'lots' is not allowed", name));
    EXPECT_FALSE(wrong[0].hint.empty()) << name;
  }
  kafka::ClientSettings client;
  client.properties = {{"acks", "7"}, {"linger.ms", "-1"}, {"batch.size", "99999999999"}};
  kafka::ProducerSettings producer;
  EXPECT_EQ(take_producer_properties(client, producer).size(), 3u);
}

}  // namespace
}  // namespace ds::cli
