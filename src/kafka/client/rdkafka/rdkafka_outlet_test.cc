// Transactions before librdkafka's own mock of a cluster; with Apache Kafka in tests/interop.
#include "kafka/client/rdkafka/rdkafka_outlet.h"

#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <map>
#include <memory>
#include <vector>

#include "base/log.h"
#include "kafka/wire/record_batch.h"

namespace ds::kafka {
namespace {

/// One broker on a free port of loopback, as long as it lives.
class MockCluster {
 public:
  MockCluster()
      : rk_(rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), nullptr, 0)),
        cluster_(rd_kafka_mock_cluster_new(rk_, 1)) {
    rd_kafka_mock_topic_create(cluster_, "money", 4, 1);
  }
  ~MockCluster() {
    rd_kafka_mock_cluster_destroy(cluster_);
    rd_kafka_destroy(rk_);
  }
  std::vector<Address> brokers() const {
    const std::string at = rd_kafka_mock_cluster_bootstraps(cluster_);
    const std::size_t colon = at.rfind(':');
    return {{at.substr(0, colon), static_cast<std::uint16_t>(std::stoi(at.substr(colon + 1)))}};
  }
  void fail(std::int16_t api, rd_kafka_resp_err_t error) {
    rd_kafka_mock_push_request_errors(cluster_, api, 1, error);
  }

 private:
  rd_kafka_t* rk_;
  rd_kafka_mock_cluster_t* cluster_;
};

/// What became of each batch, in the order in which it was told.
class Told final : public DeliveryListener {
 public:
  void on_delivery(const OutBatch& batch, const Delivery& delivery) override {
    fates[batch.token].push_back(delivery.outcome);
  }
  std::map<std::uint64_t, std::vector<Outcome>> fates;
};

class Transactions : public testing::Test {
 protected:
  void open() {
    ClientSettings client{.brokers = cluster_.brokers()};
    auto outlet = make_rdkafka_outlet(client,
                                      {.topic = "money",
                                       .acks = Acks::kAll,
                                       .transactional_id = "teller",
                                       .delivery_timeout = 60 * kSecond},
                                      told_, clock_, log_);
    ASSERT_TRUE(outlet.ok()) << outlet.error().message;
    outlet_ = std::move(*outlet);
  }
  void send(std::uint64_t token, std::int32_t partition) {
    RecordBatchBuilder builder({});
    builder.add({.timestamp = 1'700'000'000'000, .value = as_bytes("a")});
    builder.add({.timestamp = 1'700'000'000'000, .value = as_bytes("b")});
    const ByteVec bytes = builder.build().value();
    const auto slot = outlet_->reserve(partition, bytes.size());
    ASSERT_TRUE(slot);
    std::copy(bytes.begin(), bytes.end(), slot->bytes.begin());
    outlet_->submit(*slot, {.partition = partition,
                            .records = 2,
                            .size = static_cast<std::uint32_t>(bytes.size()),
                            .token = token});
  }

  SystemClock clock_;
  NoLog log_;
  MockCluster cluster_;
  Told told_;
  std::unique_ptr<Outlet> outlet_;
};

using enum Outcome;
using Fate = std::vector<Outcome>;

TEST_F(Transactions, AreToldWhenTheyAreDecidedAndNotBefore) {
  open();
  send(1, 0);
  send(2, 3);
  while (told_.fates.size() < 2) outlet_->turn(kMillisecond);
  EXPECT_EQ(told_.fates[1], Fate{kWritten});
  outlet_->end_transaction(true);
  send(3, 1);
  outlet_->end_transaction(false);
  send(4, 0);
  outlet_->end_transaction(true);
  outlet_->close(clock_.now() + 10 * kSecond);
  EXPECT_EQ(told_.fates[1], (Fate{kWritten, kAcknowledged}));
  EXPECT_EQ(told_.fates[2], (Fate{kWritten, kAcknowledged}));
  EXPECT_EQ(told_.fates[3], (Fate{kWritten, kAborted}));
  EXPECT_EQ(told_.fates[4], (Fate{kWritten, kAcknowledged}));
}

TEST_F(Transactions, ThatNobodyEndsAreAborted) {
  open();
  send(1, 0);
  outlet_->close(clock_.now() + 10 * kSecond);
  EXPECT_EQ(told_.fates[1], (Fate{kWritten, kAborted}));
}

TEST_F(Transactions, AreRefusedInWordsWhereThereAreNone) {
  constexpr std::int16_t kFindCoordinator = 10;
  cluster_.fail(kFindCoordinator, RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
  ClientSettings client{.brokers = cluster_.brokers()};
  const auto outlet = make_rdkafka_outlet(
      client, {.topic = "money", .acks = Acks::kAll, .transactional_id = "teller"}, told_, clock_,
      log_);
  ASSERT_FALSE(outlet.ok());
  EXPECT_EQ(outlet.error().code, ErrorCode::kUsage);
  EXPECT_NE(outlet.error().hint.find("embedded broker has none"), std::string::npos);
}

}  // namespace
}  // namespace ds::kafka
