#include "net/socket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

namespace ds {
namespace {

using testing::HasSubstr;

TEST(Address, IsReadFromText) {
  struct Case {
    const char* text;
    std::uint16_t port_default;
    Address expected;
    const char* printed;
  };
  const Case cases[] = {
      {"localhost:9092", 0, {"localhost", 9092}, "localhost:9092"},
      {"127.0.0.1:0", 0, {"127.0.0.1", 0}, "127.0.0.1:0"},
      {"[::1]:9092", 0, {"::1", 9092}, "[::1]:9092"},
      {"[fe80::1]", 9092, {"fe80::1", 9092}, "[fe80::1]:9092"},
      {":9092", 0, {"10.0.0.7", 9092}, "10.0.0.7:9092"},
      {"kafka-1.example_2", 9092, {"kafka-1.example_2", 9092}, "kafka-1.example_2:9092"},
      {"h:65535", 1, {"h", 65535}, "h:65535"},
  };
  for (const auto& [text, port_default, expected, printed] : cases) {
    SCOPED_TRACE(text);
    const auto address = parse_address(text, "10.0.0.7", port_default);
    ASSERT_TRUE(address);
    EXPECT_EQ(*address, expected);
    EXPECT_EQ(address->to_string(), printed);
  }
}

TEST(Address, SaysWhatIsWrong) {
  struct Case {
    const char* text;
    const char* why;
  };
  const Case cases[] = {
      {"", "empty"},
      {"host", "port is missing"},
      {"host:", "\"\" is no port"},
      {"host:65536", "\"65536\" is no port"},
      {"host:-1", "\"-1\" is no port"},
      {"host:9092x", "\"9092x\" is no port"},
      {"host:1:2", "\"1:2\" is no port"},
      {"::1", "needs brackets"},
      {"[::1", "not closed"},
      {"[::1]9092", "no colon"},
      {"[host]:1", "no IPv6 address"},
      {"http://host:1", "no port"},
      {"a b:1", "\"a b\" is no host name"},
      {"user@host:1", "no host name"},
  };
  for (const auto& [text, why] : cases) {
    SCOPED_TRACE(text);
    const auto address = parse_address(text);
    ASSERT_FALSE(address);
    EXPECT_THAT(address.error().message, HasSubstr(why));
    EXPECT_EQ(address.error().code, ErrorCode::kUsage);
  }
}

TEST(Address, KnowsLoopback) {
  for (const char* host : {"127.0.0.1", "127.9.9.9", "::1", "localhost"})
    EXPECT_TRUE((Address{host, 1}.is_loopback())) << host;
  for (const char* host : {"0.0.0.0", "::", "10.0.0.1", "128.0.0.1", "localhost.example"})
    EXPECT_FALSE((Address{host, 1}.is_loopback())) << host;
}

TEST(Address, ListsAreSeparatedByCommas) {
  const auto list = parse_addresses("a:1,[::1]:2,c", 9);
  ASSERT_TRUE(list);
  EXPECT_EQ(*list, (std::vector<Address>{{"a", 1}, {"::1", 2}, {"c", 9}}));
  for (const char* bad : {"", "a:1,", ",a:1", "a:1,,b:2"})
    EXPECT_FALSE(parse_addresses(bad, 9)) << bad;
}

TEST(Socket, CarriesBytesBothWays) {
  for (const char* host : {"127.0.0.1", "localhost"}) {
    const auto listener = listen_tcp({host, 0});
    ASSERT_TRUE(listener) << listener.error().message;
    const Address address{host, local_address(listener->get())->port};
    EXPECT_NE(address.port, 0);
    const auto client = connect_tcp(address, kSecond);
    ASSERT_TRUE(client) << client.error().message;
    const auto server = accept_connection(listener->get());
    ASSERT_TRUE(server && *server);
    EXPECT_EQ(*peer_address(client->get()), *local_address(server->get()));
    ASSERT_EQ(write(client->get(), "ping", 4), 4);
    pollfd ready{server->get(), POLLIN, 0};
    ASSERT_EQ(poll(&ready, 1, 1000), 1);
    char got[8];
    EXPECT_EQ(read(server->get(), got, sizeof got), 4);
    EXPECT_EQ(read(server->get(), got, sizeof got), -1);  // and does not block
    EXPECT_FALSE(accept_connection(listener->get()).value());
  }
}

TEST(Socket, CarriesBytesBetweenProgramsOfOneMachine) {
  const std::string folder = testing::TempDir() + fmt::format("socket-{}", getpid());
  std::filesystem::create_directories(folder);
  const Address address = parse_address("unix:" + folder + "/s").value();
  EXPECT_TRUE(address.is_loopback());
  EXPECT_EQ(address.to_string(), "unix:" + folder + "/s");
  const auto nobody = connect_tcp(address, kSecond);
  ASSERT_FALSE(nobody);
  EXPECT_NE(nobody.error().message.find("there is no unix:"), std::string::npos);

  for (int start = 0; start < 2; ++start) {  // the second finds what the first has left
    const Fd listener = listen_tcp(address).value();
    EXPECT_EQ(local_address(listener.get()).value(), address);
    const auto second = listen_tcp(address);
    ASSERT_FALSE(second) << "it is in use";
    EXPECT_NE(second.error().message.find("is taken"), std::string::npos);
    const Fd client = connect_tcp(address, kSecond).value();
    Fd server;  // the last one: the second listener has looked in before
    while (Fd next = accept_connection(listener.get()).value()) server = std::move(next);
    ASSERT_EQ(::send(client.get(), "hello", 5, 0), 5);
    char got[8] = {};
    EXPECT_EQ(::recv(server.get(), got, sizeof got, 0), 5);
    EXPECT_TRUE(peer_address(server.get()).value().is_unix());
    struct stat found {};
    ASSERT_EQ(stat(address.path().c_str(), &found), 0);
    EXPECT_EQ(found.st_mode & 0077, 0u) << "for its owner alone";
  }
  EXPECT_FALSE(parse_address("unix:" + std::string(200, 'x')));
  EXPECT_FALSE(parse_address("unix:"));
  std::filesystem::remove_all(folder);
}

TEST(Socket, NamesTheAddressThatIsTaken) {
  const auto first = listen_tcp({"127.0.0.1", 0});
  ASSERT_TRUE(first);
  const Address address = *local_address(first->get());
  const auto second = listen_tcp(address);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().message, address.to_string() + " is taken by another program");
  EXPECT_THAT(second.error().hint, HasSubstr("another port"));
}

TEST(Socket, NamesTheAddressThatRefused) {
  Address address;
  {
    const auto listener = listen_tcp({"127.0.0.1", 0});
    address = *local_address(listener->get());
  }  // closed: nobody listens there now
  const auto blocking = connect_tcp(address, kSecond);
  ASSERT_FALSE(blocking);
  EXPECT_EQ(blocking.error().message, address.to_string() + " refused the connection");
  EXPECT_EQ(blocking.error().code, ErrorCode::kUnreachable);

  auto started = start_connect(address);
  if (started) {  // the kernel may refuse at once, or a moment later
    pollfd ready{started->get(), POLLOUT, 0};
    ASSERT_EQ(poll(&ready, 1, 1000), 1);
    const Status result = connect_result(started->get(), address);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().message, address.to_string() + " refused the connection");
  } else {
    EXPECT_EQ(started.error().message, address.to_string() + " refused the connection");
  }
}

TEST(Socket, SaysWhenTheAddressIsNotHere) {
  const auto elsewhere = listen_tcp({"192.0.2.1", 0});  // a documentation address, RFC 5737
  ASSERT_FALSE(elsewhere);
  EXPECT_THAT(elsewhere.error().message, HasSubstr("192.0.2.1:0 is no address of this machine"));
  const auto unnamed = connect_tcp({"no-such-host.invalid", 1}, kSecond);
  ASSERT_FALSE(unnamed);
  EXPECT_THAT(unnamed.error().message, HasSubstr("the name no-such-host.invalid does not resolve"));
}

}  // namespace
}  // namespace ds
