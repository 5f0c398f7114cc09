#include "net/fault_proxy.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <string>

namespace ds {
namespace {

/// A server that answers every piece with itself, at the test's own pace.
class FaultProxyTest : public testing::Test {
 protected:
  void SetUp() override {
    listener_ = listen_tcp({"127.0.0.1", 0}).value();
    proxy_ =
        FaultProxy::start(local_address(listener_.get()).value(), {"127.0.0.1", 0}, clock_).value();
  }
  std::pair<Fd, Fd> connect() {
    Fd client = connect_tcp(proxy_->address(), 60 * kSecond).value();
    pollfd ready{listener_.get(), POLLIN, 0};
    EXPECT_EQ(poll(&ready, 1, 60'000), 1);
    Fd server(accept(listener_.get(), nullptr, nullptr));
    return {std::move(client), std::move(server)};
  }
  /// Exactly so many bytes, or fewer at the end of what there is.
  static std::string receive(int fd, std::size_t bytes) {
    std::string got;
    char piece[512];
    while (got.size() < bytes) {
      pollfd ready{fd, POLLIN, 0};
      if (poll(&ready, 1, 60'000) != 1) break;
      const auto size = recv(fd, piece, std::min(sizeof piece, bytes - got.size()), 0);
      if (size <= 0) break;
      got.append(piece, static_cast<std::size_t>(size));
    }
    return got;
  }

  SystemClock clock_;
  Fd listener_;
  std::unique_ptr<FaultProxy> proxy_;
};

TEST_F(FaultProxyTest, LateAndTremblingPiecesKeepTheirOrder) {
  const auto [client, server] = connect();
  proxy_->set({.delay = 2 * kMillisecond, .jitter = 20 * kMillisecond, .slice = 3});
  std::string sent;
  const Nanos began = clock_.now();
  for (int i = 0; i < 200; ++i) {
    const std::string piece = std::to_string(i) + ",";
    sent += piece;
    ASSERT_EQ(send(client.get(), piece.data(), piece.size(), 0),
              static_cast<ssize_t>(piece.size()));
  }
  EXPECT_EQ(receive(server.get(), sent.size()), sent);
  EXPECT_GE(clock_.now() - began, 2 * kMillisecond);
}

TEST_F(FaultProxyTest, PassesAnEndOnLate) {
  const auto [client, server] = connect();
  proxy_->set({.slow_close = 300 * kMillisecond});
  ASSERT_EQ(send(client.get(), "last", 4, 0), 4);
  EXPECT_EQ(receive(server.get(), 4), "last");
  const Nanos ended = clock_.now();
  shutdown(client.get(), SHUT_WR);
  EXPECT_EQ(receive(server.get(), 1), "") << "the end";
  EXPECT_GE(clock_.now() - ended, 300 * kMillisecond);
}

/// A message as Kafka frames it; its first two bytes say what it is.
std::string framed(std::string_view message) {
  std::string text(4, '\0');
  store_be(reinterpret_cast<std::uint8_t*>(text.data()),
           static_cast<std::uint32_t>(message.size()));
  return text.append(message);
}

TEST_F(FaultProxyTest, PassesARequestOnTwiceAndItsSecondAnswerNever) {
  proxy_->rename("somewhere", "elsewhere");
  const auto [client, server] = connect();
  const std::string produce = framed(std::string("\0\0 one", 6));
  const std::string other = framed(std::string("\0\3 two", 6));
  proxy_->double_requests({.every = 2, .count = 1, .which = is_kafka_produce});
  const auto say = [](const Fd& to, std::string_view text) {
    // In two pieces: a message is passed on when it is whole.
    ASSERT_EQ(send(to.get(), text.data(), 5, 0), 5);
    ASSERT_EQ(send(to.get(), text.data() + 5, text.size() - 5, 0),
              static_cast<ssize_t>(text.size() - 5));
  };
  say(client, produce + other + produce + other + produce);
  const std::string wanted = produce + other + produce + produce + other + produce;
  EXPECT_EQ(receive(server.get(), wanted.size()), wanted);
  EXPECT_EQ(proxy_->stats().doubled, 1u);
  std::string answers, heard;
  for (int i = 1; i <= 6; ++i) {
    answers += framed("answer " + std::to_string(i) + " from somewhere");
    if (i != 4) heard += framed("answer " + std::to_string(i) + " from elsewhere");
  }
  say(server, answers);
  EXPECT_EQ(receive(client.get(), heard.size()), heard);
}

}  // namespace
}  // namespace ds
