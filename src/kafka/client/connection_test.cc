#include "kafka/client/connection.h"

#include <gtest/gtest.h>

#include "kafka/client/admin.h"
#include "kafka/client/scripted_broker.h"

namespace ds::kafka {
namespace {

/// Accepts, sends `bytes` and closes: what is no Kafka broker.
class Stranger {
 public:
  explicit Stranger(std::string bytes) : listener_(listen_tcp({"127.0.0.1", 0}).value()) {
    thread_ = std::jthread([this, bytes = std::move(bytes)](std::stop_token stop) {
      while (!stop.stop_requested()) {
        pollfd waiting{listener_.get(), POLLIN, 0};
        if (::poll(&waiting, 1, 5) <= 0) continue;
        const auto socket = accept_connection(listener_.get());
        if (!socket || !*socket) continue;
        std::uint8_t hello[256];
        waiting = {socket->get(), POLLIN, 0};
        ::poll(&waiting, 1, 1000);
        while (::recv(socket->get(), hello, sizeof hello, 0) > 0) {
        }
        ::send(socket->get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      }
    });
  }
  Address address() const { return local_address(listener_.get()).value(); }

 private:
  Fd listener_;
  std::jthread thread_;
};

Error connect_error(const Address& address, const Security& security = {}) {
  SystemClock clock;
  NoLog log;
  ClientSettings settings{.brokers = {address}, .security = security};
  const Status connected = Admin(settings, clock, log).connect();
  EXPECT_FALSE(connected.ok());
  return connected.ok() ? Error{} : connected.error();
}

TEST(Connection, SaysWhoDidNotAnswerAndWhatToDo) {
  const Fd closed = listen_tcp({"127.0.0.1", 0}).value();
  const Address address = local_address(closed.get()).value();
  const_cast<Fd&>(closed).close();
  const Error error = connect_error(address);
  EXPECT_EQ(error.code, ErrorCode::kUnreachable);
  EXPECT_EQ(error.message, address.to_string() + " refused the connection");
  EXPECT_EQ(error.hint, "start one with `datastorm broker`, or name yours with --brokers");
}

TEST(Connection, KnowsAStrangerWhenItMeetsOne) {
  struct Case {
    const char* what;
    std::string bytes;
    ErrorCode code;
    const char* says;
  };
  const Case cases[] = {
      {"closes at once", "", ErrorCode::kUnreachable, "closed the connection while it was opened"},
      {"speaks HTTP", "HTTP/1.1 400 Bad Request\r\n\r\n", ErrorCode::kProtocol,
       "does not answer as Kafka does"},
      {"negative length", std::string("\xff\xff\xff\xff....", 8), ErrorCode::kProtocol,
       "does not answer as Kafka does"},
      {"answers another question", std::string("\0\0\0\x6\0\0\x7\x7\0\0", 10), ErrorCode::kProtocol,
       "answered what it was not asked"},
      {"answer cut short", std::string("\0\0\0\x6\0\0\0\x1\0\0", 10), ErrorCode::kProtocol, ""},
  };
  for (const auto& [what, bytes, code, says] : cases) {
    SCOPED_TRACE(what);
    const Stranger stranger(bytes);
    const Error error = connect_error(stranger.address());
    EXPECT_EQ(error.code, code) << error.message;
    EXPECT_NE(error.message.find(says), std::string::npos) << error.message;
    EXPECT_FALSE(error.message.empty());
  }
}

TEST(Connection, TellsARefusedLoginFromAMechanismNotOffered) {
  ScriptedCluster cluster({.sasl_error = "wrong password"});
  Security security{.sasl = SaslMechanism::kPlain, .user = "alice", .password = "x"};
  Error error = connect_error(cluster.address(), security);
  EXPECT_EQ(error.code, ErrorCode::kRefused);
  EXPECT_EQ(error.message, fmt::format("{} refused the login of alice: wrong password",
                                       cluster.address().to_string()));
  EXPECT_EQ(error.message.find("x:"), std::string::npos);  // never the password
}

TEST(Connection, NamesTheVersionsWhenThereIsNoneInCommon) {
  ScriptedCluster cluster({.produce_min = 20, .produce_max = 30});
  SystemClock clock;
  NoLog log;
  Poller poller;
  const ClientSettings settings{.brokers = {cluster.address()}};
  Connection connection(settings, poller, clock);
  connection.open(cluster.address());
  ASSERT_TRUE(wait_ready(connection, poller, clock, clock.now() + 5 * kSecond).ok());
  const auto version = connection.version_of(ProduceRequest::api);
  ASSERT_FALSE(version.ok());
  EXPECT_NE(version.error().message.find("speaks Produce 20-30, we 3-"), std::string::npos)
      << version.error().message;
  EXPECT_TRUE(connection.version_of(MetadataRequest::api).ok());
}

TEST(Connection, TellsEachRequestWhetherItWasSent) {
  ScriptedCluster cluster({});
  SystemClock clock;
  Poller poller;
  const ClientSettings settings{.brokers = {cluster.address()}};
  class Lost final : public AnswerListener {
   public:
    void on_written(std::uint64_t tag) override { written.push_back(tag); }
    void on_answer(std::uint64_t, ByteView, const FrameOwner&) override {
      ADD_FAILURE() << "an answer";
    }
    void on_lost(std::uint64_t tag, bool sent, const Error&) override {
      lost.emplace_back(tag, sent);
    }
    std::vector<std::uint64_t> written;
    std::vector<std::pair<std::uint64_t, bool>> lost;
  };
  Lost lost;
  Connection connection(settings, poller, clock);
  connection.open(cluster.address());
  ASSERT_TRUE(wait_ready(connection, poller, clock, clock.now() + 5 * kSecond).ok());
  const Nanos deadline = clock.now() + 60 * kSecond;
  ASSERT_TRUE(
      connection.ask(MetadataRequest{}, {.listener = &lost, .tag = 1, .deadline = deadline}).ok());
  connection.flush();
  ASSERT_TRUE(
      connection.ask(MetadataRequest{}, {.listener = &lost, .tag = 2, .deadline = deadline}).ok());
  connection.close({.message = "enough"});
  EXPECT_EQ(lost.written, std::vector<std::uint64_t>{1});
  EXPECT_EQ(lost.lost, (std::vector<std::pair<std::uint64_t, bool>>{{1, true}, {2, false}}));
  EXPECT_EQ(connection.error().message, "enough");
}

}  // namespace
}  // namespace ds::kafka
