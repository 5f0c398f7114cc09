// Listeners with TLS and logins, in the order of clients that do not keep to it.
#include <gmock/gmock.h>

#include "kafka/broker/broker.h"
#include "kafka/broker/test_support.h"
#include "kafka/wire/messages/all.h"
#include "net/test_certificates.h"

namespace ds::kafka::broker {
namespace {

class BrokerSecurityTest : public testing::Test {
 protected:
  BrokerSettings settings(Listener listener) const {
    BrokerSettings with{.data_dir = folder_.path(), .default_partitions = 1};
    listener.address = {"127.0.0.1", 0};
    with.listeners = {listener};
    if (listener.login) {
      EXPECT_TRUE(with.users.set("alice", "secret"));
    }
    return with;
  }
  std::unique_ptr<Broker> start(const BrokerSettings& with) {
    auto broker = Broker::start(with, files_, clock_, log_);
    EXPECT_TRUE(broker.ok()) << (broker ? "" : broker.error().message);
    return broker ? std::move(*broker) : nullptr;
  }
  static SaslAuthenticateRequest plain(const std::string& user, const std::string& password) {
    const std::string text = '\0' + user + '\0' + password;
    return {.auth_bytes = ByteVec(text.begin(), text.end())};
  }

  TempFolder folder_;
  RealFiles files_;
  SystemClock clock_;
  NoLog log_;
};

TEST_F(BrokerSecurityTest, LetsNobodyAskBeforeTheLogin) {
  const auto broker = start(settings({.login = true}));
  {
    BlockingClient client(broker->address());
    EXPECT_FALSE(client.ask<ApiVersionsResponse>(ApiVersionsRequest{}, 0).api_keys.empty());
    client.send(MetadataRequest{}, 7);
    EXPECT_TRUE(client.closed_by_broker());
  }
  {
    BlockingClient client(broker->address());  // a frame that is larger than any login
    client.send(from_hex("00100000 0024 0000 00000001"));
    EXPECT_TRUE(client.closed_by_broker());
  }
  {
    BlockingClient client(broker->address());
    EXPECT_EQ(client.ask<SaslAuthenticateResponse>(plain("alice", "secret"), 1).error_code,
              KafkaError::kIllegalSaslState);
    EXPECT_TRUE(client.closed_by_broker());
  }
}

TEST_F(BrokerSecurityTest, TakesARightPasswordAndNoOther) {
  const auto broker = start(settings({.login = true}));
  struct Case {
    const char *user, *password;
    bool right;
  };
  for (const auto& [user, password, right] :
       {Case{"alice", "secret", true}, Case{"alice", "Secret", false}, Case{"alice", "", false},
        Case{"bob", "secret", false}, Case{"", "secret", false}}) {
    SCOPED_TRACE(fmt::format("{} {}", user, password));
    BlockingClient client(broker->address());
    const auto other = client.ask<SaslHandshakeResponse>(SaslHandshakeRequest{"GSSAPI"}, 1);
    EXPECT_EQ(other.error_code, KafkaError::kUnsupportedSaslMechanism);
    EXPECT_THAT(other.mechanisms, testing::ElementsAre("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"));
    EXPECT_EQ(client.ask<SaslHandshakeResponse>(SaslHandshakeRequest{"PLAIN"}, 1).error_code,
              KafkaError::kNone);
    const auto told = client.ask<SaslAuthenticateResponse>(plain(user, password), 1);
    EXPECT_EQ(told.error_code, right ? KafkaError::kNone : KafkaError::kSaslAuthenticationFailed);
    EXPECT_THAT(told.error_message.value_or(""), testing::Not(testing::HasSubstr("ecret")));
    if (!right) {
      EXPECT_TRUE(client.closed_by_broker());
      continue;
    }
    EXPECT_EQ(client.ask<MetadataResponse>(MetadataRequest{}, 7).brokers.size(), 1u);
    EXPECT_EQ(client.ask<SaslHandshakeResponse>(SaslHandshakeRequest{"PLAIN"}, 1).error_code,
              KafkaError::kIllegalSaslState)
        << "once is enough";
    EXPECT_EQ(client.ask<MetadataResponse>(MetadataRequest{}, 7).brokers.size(), 1u);
  }
}

TEST_F(BrokerSecurityTest, APlainListenerHasNoLogin) {
  const auto broker = start(settings({}));
  BlockingClient client(broker->address());
  EXPECT_EQ(client.ask<SaslHandshakeResponse>(SaslHandshakeRequest{"PLAIN"}, 1).error_code,
            KafkaError::kIllegalSaslState);
  EXPECT_EQ(client.ask<MetadataResponse>(MetadataRequest{}, 7).brokers.size(), 1u);
}

TEST_F(BrokerSecurityTest, RefusesToLetStrangersInFromAfar) {
  struct Case {
    const char* what;
    Listener listener;
    bool certificate, authority, users, anonymous, starts;
  };
  TestCertificates certificates;
  certificates.sign("broker", "IP:127.0.0.1");
  const Listener plain{.address = {"0.0.0.0", 0}};
  const Listener tls{.address = {"0.0.0.0", 0}, .tls = true};
  const Listener login{.address = {"0.0.0.0", 0}, .login = true};
  const Case cases[] = {
      {"plain", plain, false, false, false, false, false},
      {"plain, users only elsewhere", plain, false, false, true, false, false},
      {"plain, wanted so", plain, false, false, false, true, true},
      {"TLS without clients' certificates", tls, true, false, false, false, false},
      {"TLS with them", tls, true, true, false, false, true},
      {"TLS without a certificate", tls, false, false, false, true, false},
      {"a login", login, false, false, true, false, true},
      {"a login without users", login, false, false, false, true, false},
  };
  for (const auto& [what, listener, certificate, authority, users, anonymous, starts] : cases) {
    SCOPED_TRACE(what);
    TempFolder own;
    BrokerSettings with{.data_dir = own.path(), .allow_anonymous = anonymous};
    with.listeners = {listener};
    if (certificate)
      with.tls = {certificates.certificate("broker"), certificates.key("broker"), ""};
    if (authority) with.tls.client_ca_file = certificates.authority();
    if (users) {
      ASSERT_TRUE(with.users.set("alice", "secret"));
    }
    const auto broker = Broker::start(with, files_, clock_, log_);
    EXPECT_EQ(broker.ok(), starts) << (broker ? "" : broker.error().message);
    if (broker) continue;
    EXPECT_EQ(broker.error().code, ErrorCode::kUsage);
    EXPECT_FALSE(broker.error().hint.empty());
  }
}

TEST_F(BrokerSecurityTest, EndsConnectionsThatAreSilent) {
  auto with = settings({.login = true});
  with.login_max = 100 * kMillisecond;
  with.idle_max = 300 * kMillisecond;
  const auto broker = start(with);
  BlockingClient half_open(broker->address());
  EXPECT_TRUE(half_open.closed_by_broker());
  BlockingClient client(broker->address());
  client.ask<SaslHandshakeResponse>(SaslHandshakeRequest{"PLAIN"}, 1);
  client.ask<SaslAuthenticateResponse>(plain("alice", "secret"), 1);
  client.ask<MetadataResponse>(MetadataRequest{.topics = {{{.name = "t"}}}}, 7);
  const FetchRequest waits{
      .max_wait_ms = 1500,
      .min_bytes = 1,
      .topics = {{"t", {{.partition = 0, .fetch_offset = 0, .partition_max_bytes = 1000}}}}};
  EXPECT_EQ(client.ask<FetchResponse>(waits, 11).responses.size(), 1u) << "who waits is not silent";
  EXPECT_TRUE(client.closed_by_broker());
}

}  // namespace
}  // namespace ds::kafka::broker
