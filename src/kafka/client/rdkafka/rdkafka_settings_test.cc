#include "kafka/client/rdkafka/rdkafka_settings.h"

#include <gtest/gtest.h>

#include "kafka/client/rdkafka/rdkafka_outlet.h"

namespace ds::kafka {
namespace {

TEST(RdkafkaProperties, CarryEverySettingAndLetTheUsersOwnWin) {
  ClientSettings client{.brokers = {{"a", 1}, {"::1", 2}},
                        .security = {.tls = true,
                                     .ca_file = "ca.pem",
                                     .verify_host = false,
                                     .sasl = SaslMechanism::kScramSha512,
                                     .user = "alice",
                                     .password = "secret"}};
  client.properties = {{"linger.ms", "50"}, {"statistics.interval.ms", "1000"}};
  const auto properties = rdkafka_properties(client, {.acks = Acks::kAll,
                                                      .idempotent = true,
                                                      .compression = "zstd",
                                                      .compression_level = 3,
                                                      .delivery_timeout = 7 * kSecond});
  const std::map<std::string, std::string> expected = {
      {"bootstrap.servers", "a:1,[::1]:2"},
      {"socket.nagle.disable", "true"},
      {"security.protocol", "sasl_ssl"},
      {"ssl.ca.location", "ca.pem"},
      {"ssl.endpoint.identification.algorithm", "none"},
      {"sasl.mechanism", "SCRAM-SHA-512"},
      {"sasl.username", "alice"},
      {"sasl.password", "secret"},
      {"acks", "-1"},
      {"enable.idempotence", "true"},
      {"compression.codec", "zstd"},
      {"compression.level", "3"},
      {"message.timeout.ms", "7000"},
      {"batch.size", "131072"},
      {"linger.ms", "50"},
      {"statistics.interval.ms", "1000"},
  };
  for (const auto& [name, value] : expected) {
    SCOPED_TRACE(name);
    ASSERT_TRUE(properties.contains(name));
    EXPECT_EQ(properties.at(name), value);
  }
}

TEST(RdkafkaScram, IsWarnedOfBeforeTwoSixOne) {
  struct Case {
    int version;
    SaslMechanism mechanism;
    bool warns;
  };
  const Case cases[] = {
      {0x020002ff, SaslMechanism::kScramSha256, true},
      {0x020600ff, SaslMechanism::kScramSha512, true},
      {0x020601ff, SaslMechanism::kScramSha256, false},
      {0x021000ff, SaslMechanism::kScramSha512, false},
      {0x020002ff, SaslMechanism::kPlain, false},
      {0x020002ff, SaslMechanism::kNone, false},
  };
  for (const auto& [version, mechanism, warns] : cases)
    EXPECT_EQ(!scram_warning(version, "x", mechanism).empty(), warns) << std::hex << version;
}

class NoDeliveries final : public DeliveryListener {
 public:
  void on_delivery(const OutBatch&, const Delivery&) override { ADD_FAILURE() << "a delivery"; }
};

TEST(RdkafkaOutlet, RefusesUnknownPropertiesByName) {
  ClientSettings client{.brokers = {{"127.0.0.1", 1}}};
  client.properties = {{"no.such.thing", "1"}};
  NoDeliveries deliveries;
  SystemClock clock;
  NoLog log;
  const auto outlet = make_rdkafka_outlet(client, {.topic = "t"}, deliveries, clock, log);
  ASSERT_FALSE(outlet.ok());
  EXPECT_EQ(outlet.error().code, ErrorCode::kUsage);
  EXPECT_NE(outlet.error().message.find("no.such.thing"), std::string::npos);
}

TEST(RdkafkaOutlet, SaysWhenNobodyAnswers) {
  Fd listener = listen_tcp({"127.0.0.1", 0}).value();
  const Address address = local_address(listener.get()).value();
  listener.close();
  ClientSettings client{.brokers = {address}, .connect_timeout = kSecond};
  NoDeliveries deliveries;
  SystemClock clock;
  NoLog log;
  const auto outlet = make_rdkafka_outlet(client, {.topic = "t"}, deliveries, clock, log);
  ASSERT_FALSE(outlet.ok());
  EXPECT_EQ(outlet.error().code, ErrorCode::kUnreachable);
  EXPECT_NE(outlet.error().message.find(address.to_string()), std::string::npos)
      << outlet.error().message;
}

}  // namespace
}  // namespace ds::kafka
