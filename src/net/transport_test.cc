#include "net/transport.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <functional>

#include "base/random.h"
#include "net/test_certificates.h"
#include "net/tls.h"

namespace ds {
namespace {

using testing::HasSubstr;
using Kind = IoResult::Kind;

std::pair<Fd, Fd> socket_pair() {
  int fds[2];
  check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0, "no socket pair");
  return {Fd(fds[0]), Fd(fds[1])};
}

/// Both ends of a connection in one thread, each driven as the header says.
struct End {
  std::unique_ptr<Transport> transport;
  std::string to_send = {};
  std::string received = {};
  bool closed = false;
  bool failed = false;

  void turn() {
    if (failed) return;
    std::uint8_t buffer[50'000];
    IoResult result{Kind::kBytes};
    while (!closed && (result = transport->read(buffer)).kind == Kind::kBytes)
      received.append(as_text(ByteView(buffer).first(result.bytes)));
    closed |= result.kind == Kind::kClosed;
    failed |= result.kind == Kind::kError;
    if (failed) return;
    const std::size_t half = to_send.size() / 2;  // in two pieces
    const iovec pieces[] = {{to_send.data(), half}, {to_send.data() + half, to_send.size() - half}};
    result = transport->write(pieces);
    failed |= result.kind == Kind::kError;
    to_send.erase(0, result.bytes);
  }
};

void run(End& a, End& b) {
  for (int turns = 0; turns < 200; ++turns) {
    a.turn();
    b.turn();
  }
}

std::string random_text(std::size_t size) {
  std::string text(size, ' ');
  Random random(7);
  for (char& c : text) c = static_cast<char>('a' + random.below(26));
  return text;
}

struct TransportTest : testing::Test {
  static void SetUpTestSuite() {
    certificates = new TestCertificates;
    certificates->sign("server", "DNS:localhost,DNS:*.storm.example,IP:127.0.0.1,IP:::1");
    certificates->sign("client", "DNS:client");
    certificates->sign("old", "DNS:localhost", -1);
  }
  static void TearDownTestSuite() { delete certificates; }

  static TlsServerSettings server_settings(const std::string& name = "server") {
    return {certificates->certificate(name), certificates->key(name), ""};
  }

  /// Lets both greet each other and exchange a word.
  static std::pair<End, End> greet(const TlsClientSettings& client, const TlsServerSettings& server,
                                   const std::string& host) {
    auto [near, far] = socket_pair();
    End ends[2];
    ends[0].transport = TlsContext::client(client)->connect(std::move(near), host);
    ends[1].transport = TlsContext::server(server)->accept(std::move(far));
    ends[0].to_send = "hello";
    run(ends[0], ends[1]);
    return {std::move(ends[0]), std::move(ends[1])};
  }

  static inline TestCertificates* certificates = nullptr;
};

TEST_F(TransportTest, CarriesLargeTextsBothWaysAndTheEnd) {
  const std::string up = random_text(3 << 20);
  const std::string down = random_text(2 << 20);
  const auto client_context = TlsContext::client({.ca_file = certificates->authority()});
  const auto server_context = TlsContext::server(server_settings());
  for (const bool tls : {false, true}) {
    SCOPED_TRACE(tls ? "TLS" : "plain");
    auto [near, far] = socket_pair();
    End client{tls ? client_context->connect(std::move(near), "localhost")
                   : plain_transport(std::move(near))};
    End server{tls ? server_context->accept(std::move(far)) : plain_transport(std::move(far))};
    client.to_send = up;
    server.to_send = down;
    run(client, server);
    EXPECT_TRUE(client.to_send.empty() && server.to_send.empty());
    EXPECT_FALSE(client.transport->wants_write() || server.transport->wants_write());
    EXPECT_EQ(server.received, up);
    EXPECT_EQ(client.received, down);
    client.transport->shutdown();
    server.turn();
    EXPECT_TRUE(server.closed);
    server.to_send = "the last word";
    server.turn();
    client.turn();
    EXPECT_THAT(client.received, testing::EndsWith("the last word"));
  }
}

TEST_F(TransportTest, AWriteThatEndsTheHandshakeHidesNothingFromEpoll) {
  auto [near, far] = socket_pair();
  const auto client =
      TlsContext::client({.ca_file = certificates->authority()})->connect(std::move(near), "::1");
  const auto server = TlsContext::server(server_settings())->accept(std::move(far));
  std::uint8_t buffer[100];
  EXPECT_EQ(client->flush().kind, Kind::kWouldBlock);
  EXPECT_EQ(server->read(buffer).kind, Kind::kWouldBlock);
  EXPECT_EQ(client->write(as_bytes("hello")).bytes, 5U);
  EXPECT_TRUE(server->flush().ok());  // takes the client's last word of the handshake, no more
  pollfd ready{server->fd(), POLLIN, 0};
  EXPECT_EQ(poll(&ready, 1, 0), 1);
  EXPECT_EQ(server->read(buffer).bytes, 5U);
}

TEST_F(TransportTest, ASocketThatIsFullIsSaid) {
  auto [near, far] = socket_pair();
  const auto transport = plain_transport(std::move(near));
  const std::string much(1 << 20, 'x');
  IoResult result{Kind::kBytes};
  std::size_t taken = 0;
  while ((result = transport->write(as_bytes(much))).kind == Kind::kBytes) taken += result.bytes;
  EXPECT_EQ(result.kind, Kind::kWouldBlock);
  EXPECT_TRUE(transport->wants_write());
  EXPECT_GT(taken, 0U);
  far.close();
  EXPECT_EQ(transport->write(as_bytes(much)).kind, Kind::kError);  // and no SIGPIPE
  EXPECT_THAT(transport->error().message, HasSubstr("Broken pipe"));
}

TEST_F(TransportTest, TlsChecksTheNameOfTheServer) {
  const TlsClientSettings trusting{.ca_file = certificates->authority()};
  for (const char* host : {"localhost", "a.storm.example", "127.0.0.1", "::1"}) {
    SCOPED_TRACE(host);
    const auto [client, server] = greet(trusting, server_settings(), host);
    EXPECT_EQ(server.received, "hello");
  }
  for (const char* host : {"kafka.example", "storm.example", "127.0.0.2"}) {
    SCOPED_TRACE(host);
    const auto [client, server] = greet(trusting, server_settings(), host);
    ASSERT_TRUE(client.failed);
    EXPECT_EQ(client.transport->error().message,
              fmt::format("the server's certificate is not valid for {}", host));
    EXPECT_EQ(server.received, "");
    EXPECT_TRUE(server.failed);
  }
  TlsClientSettings careless = trusting;
  careless.verify_host = false;
  EXPECT_EQ(greet(careless, server_settings(), "kafka.example").second.received, "hello");
}

TEST_F(TransportTest, TlsSaysWhyItRefuses) {
  TestCertificates others("others");
  TestCertificates anew;  // an authority of the same name with another key
  anew.sign("server", "DNS:localhost");
  others.sign("server", "DNS:localhost");
  others.sign("client", "DNS:client");
  const TlsClientSettings trusting{.ca_file = certificates->authority()};
  TlsClientSettings known = trusting;
  known.certificate_file = certificates->certificate("client");
  known.key_file = certificates->key("client");
  TlsClientSettings stranger = trusting;
  stranger.certificate_file = others.certificate("client");
  stranger.key_file = others.key("client");
  TlsServerSettings asking = server_settings();
  asking.client_ca_file = certificates->authority();
  struct Case {
    const char* what;
    TlsClientSettings client;
    TlsServerSettings server;
    const char* client_says;
    const char* server_says;
  };
  const Case cases[] = {
      {"all is well", trusting, server_settings(), "", ""},
      {"client certificate", known, asking, "", ""},
      {"other authority",
       trusting,
       {others.certificate("server"), others.key("server"), ""},
       "is of an unknown authority",
       "does not trust our certificate"},
      {"authority made anew",
       trusting,
       {anew.certificate("server"), anew.key("server"), ""},
       "is of an unknown authority",
       "does not trust our certificate"},
      {"expired", trusting, server_settings("old"), "has expired",
       "does not trust our certificate"},
      {"no client certificate", trusting, asking, "refused the TLS handshake",
       "shows no certificate"},
      {"client of another authority", stranger, asking, "does not trust our certificate",
       "is of an unknown authority"},
  };
  for (const auto& [what, client_settings, settings, client_says, server_says] : cases) {
    SCOPED_TRACE(what);
    const auto [client, server] = greet(client_settings, settings, "localhost");
    EXPECT_EQ(server.received, *server_says ? "" : "hello");
    EXPECT_EQ(client.failed, *client_says != 0);
    EXPECT_EQ(server.failed, *server_says != 0);
    EXPECT_THAT(client.transport->error().message, HasSubstr(client_says));
    EXPECT_THAT(server.transport->error().message, HasSubstr(server_says));
  }
}

TEST_F(TransportTest, TlsNoticesAPlainPeerAndACutConnection) {
  auto [near, far] = socket_pair();
  End client{TlsContext::client({.ca_file = certificates->authority()})
                 ->connect(std::move(near), "localhost")};
  End plain{plain_transport(std::move(far))};
  plain.to_send = "HTTP/1.1 400 Bad Request\r\n\r\n";
  run(client, plain);
  ASSERT_TRUE(client.failed);
  EXPECT_EQ(client.transport->error().message, "the other side does not speak TLS");

  auto [a, b] = greet({.ca_file = certificates->authority()}, server_settings(), "localhost");
  a.transport.reset();  // no close_notify: an attacker could have cut it
  b.turn();
  ASSERT_TRUE(b.failed);
  EXPECT_THAT(b.transport->error().message, HasSubstr("without a goodbye"));
}

TEST_F(TransportTest, BadFilesAreNamed) {
  const auto no_ca = TlsContext::client({.ca_file = "/nowhere/ca.pem"});
  ASSERT_FALSE(no_ca);
  EXPECT_THAT(no_ca.error().message, HasSubstr("/nowhere/ca.pem"));
  const auto mixed =
      TlsContext::server({certificates->certificate("server"), certificates->key("client"), ""});
  ASSERT_FALSE(mixed);
  EXPECT_THAT(mixed.error().message, HasSubstr("does not belong to the certificate"));
  const auto swapped =
      TlsContext::server({certificates->key("server"), certificates->key("server"), ""});
  ASSERT_FALSE(swapped);
  EXPECT_EQ(swapped.error().code, ErrorCode::kUsage);
}

}  // namespace
}  // namespace ds
