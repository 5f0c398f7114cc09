#include "net/http_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <thread>

namespace ds {
namespace {

TEST(HttpClient, ReadsAnswersOfEveryLengthHoweverTheyAreCut) {
  struct Case {
    const char* what;
    std::string bytes;
    std::string body;
  };
  const std::string ok = "HTTP/1.1 200 OK\r\nX-A: b\r\n";
  const Case cases[] = {
      {"named length", ok + "Content-Length: 3\r\n\r\nabc", "abc"},
      {"until the end", ok + "\r\nabc", "abc"},
      {"chunks", ok + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "abc"},
      {"no chunk", ok + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", ""},
      {"trailer", ok + "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nT: r\r\n\r\n", "a"},
  };
  for (const auto& [what, bytes, body] : cases) {
    for (std::size_t cut = 1; cut <= bytes.size(); ++cut) {
      SCOPED_TRACE(fmt::format("{}, cut at {}", what, cut));
      int fds[2];
      ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
      const auto near = plain_transport(Fd(fds[0]));
      Fd far(fds[1]);
      ASSERT_EQ(write(far.get(), bytes.data(), cut), static_cast<ssize_t>(cut));
      // The rest comes once the first part has been read, which an empty socket shows.
      const std::jthread rest([&] {
        char byte;
        int unread = 1;
        while (unread > 0) unread = recv(fds[0], &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
        EXPECT_EQ(write(far.get(), bytes.data() + cut, bytes.size() - cut),
                  static_cast<ssize_t>(bytes.size() - cut));
        shutdown(far.get(), SHUT_WR);
      });
      const auto reply = read_http_reply(*near, 10 * kSecond);
      ASSERT_TRUE(reply) << reply.error().message;
      EXPECT_EQ(reply->status, 200);
      EXPECT_EQ(reply->header("x-a"), "b");
      EXPECT_EQ(reply->body, body);
    }
  }
}

TEST(HttpClient, SaysWhatIsNoAnswer) {
  struct Case {
    const char* bytes;
    const char* message;
  };
  const Case cases[] = {
      {"", "the server closed the connection without an answer"},
      {"SSH-2.0-OpenSSH\r\n\r\n", "the answer is no HTTP"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "it ends in the middle"},
      {"HTTP/1.1 200 OK\r\nCont", "it ends in the middle"},
  };
  for (const auto& [bytes, message] : cases) {
    SCOPED_TRACE(bytes);
    int fds[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    const auto near = plain_transport(Fd(fds[0]));
    Fd far(fds[1]);
    const std::string_view text(bytes);
    ASSERT_EQ(write(far.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
    far.close();
    const auto reply = read_http_reply(*near, 10 * kSecond);
    ASSERT_FALSE(reply);
    EXPECT_THAT(reply.error().message, testing::HasSubstr(message));
  }
}

}  // namespace
}  // namespace ds
