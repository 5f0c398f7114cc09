#include "net/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "net/http_client.h"
#include "net/test_certificates.h"

namespace ds {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr Nanos kPatience = 10 * kSecond;  // for what should take no time

/// A server on a lane of its own, with a page for each kind of answer.
struct Site {
  explicit Site(HttpLimits limits = {}, const Clock& clock = default_clock())
      : lane("site", clock),
        server(
            lane, limits,
            [this](const HttpRequest& request, HttpResponder answer) { serve(request, answer); },
            log) {
    auto where = server.listen({"127.0.0.1", 0});
    check(where.ok(), "the test's server cannot listen");
    address = *where;
  }

  static const Clock& default_clock() {
    static const SystemClock clock;
    return clock;
  }

  void serve(const HttpRequest& request, HttpResponder answer) {
    seen.emplace_back(request.target);
    if (request.path == "/echo") return answer.reply(200, "text/plain", as_text(request.body));
    if (request.path == "/later") return later.push_back(answer);
    if (request.path == "/large") return answer.reply(200, "text/plain", std::string(300'000, 'x'));
    if (request.path == "/headers")
      return answer.reply(200, "text/plain",
                          fmt::format("{}|{}", request.header("x-a").value_or("none"),
                                      request.header_count("X-A")));
    if (request.path == "/events") {
      viewers.push_back(answer.stream());
      viewers.back().on_close([this] { ++viewers_gone; });
      return;
    }
    answer.reply(200, "text/plain", "ok");
  }

  /// Waits, turn by turn of the lane, until something holds there.
  bool eventually(const std::function<bool()>& holds) {
    const SystemClock clock;
    const Nanos deadline = clock.now() + kPatience;
    bool now = false;
    while (!now && clock.now() < deadline) lane.call([&] { now = holds(); });
    return now;
  }

  NoLog log;
  std::vector<std::string> seen;  // these belong to the lane
  std::vector<HttpResponder> later;
  std::vector<HttpStream> viewers;
  int viewers_gone = 0;
  Address address;
  Lane lane;
  HttpServer server;
};

std::unique_ptr<Transport> dial(const Address& address) {
  auto socket = connect_tcp(address, kPatience);
  check(socket.ok(), "the test cannot connect");
  return plain_transport(std::move(*socket));
}

void say(Transport& to, std::string_view text) {
  const Status sent = write_all(to, as_bytes(text), kPatience);
  EXPECT_TRUE(sent) << sent.error().message;
}

/// All that comes until the server ends the connection.
std::string rest_of(Transport& from) {
  std::string all;
  std::uint8_t buffer[64 << 10];
  while (true) {
    const auto got = read_some(from, buffer, kPatience);
    EXPECT_TRUE(got) << got.error().message;
    if (!got || *got == 0) return all;
    all.append(as_text(ByteView(buffer).first(*got)));
  }
}

std::vector<int> statuses(const std::string& text) {
  std::vector<int> found;
  for (std::size_t at = 0; (at = text.find("HTTP/1.1 ", at)) != std::string::npos; at += 9)
    found.push_back(std::stoi(text.substr(at + 9, 3)));
  return found;
}

TEST(HttpServer, ReadsFramingInOneWayOnly) {
  struct Case {
    const char* what;
    std::string bytes;
    int status;
    bool stays = false;  // the connection serves another request
  };
  const std::string host = "Host: a\r\n";
  const std::string get = "GET / HTTP/1.1\r\n" + host;
  const std::string post = "POST /echo HTTP/1.1\r\n" + host;
  const std::string chunked = post + "Transfer-Encoding: chunked\r\n\r\n";
  const Case cases[] = {
      {"plain", get + "\r\n", 200, true},
      {"empty line before", "\r\n" + get + "\r\n", 200, true},
      {"HEAD", "HEAD / HTTP/1.1\r\n" + host + "\r\n", 200, true},
      {"unknown method", "BREW / HTTP/1.1\r\n" + host + "\r\n", 200, true},
      {"body", post + "Content-Length: 3\r\n\r\nabc", 200, true},
      {"no body", post + "Content-Length: 0\r\n\r\n", 200, true},
      {"chunks", chunked + "3\r\nabc\r\n0\r\n\r\n", 200, true},
      {"chunk extension", chunked + "3;x=y\r\nabc\r\n0\r\n\r\n", 200, true},
      {"trailer", chunked + "0\r\nX-A: b\r\n\r\n", 200, true},
      {"capital coding", post + "transfer-encoding: CHUNKED\r\n\r\n0\r\n\r\n", 200, true},
      {"asked to close", get + "Connection: close\r\n\r\n", 200},
      {"HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", 200},
      {"HTTP/1.0 kept", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200, true},
      {"length and chunks", post + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"chunks and length", post + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", 400},
      {"two lengths", post + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc", 400},
      {"the same length twice", post + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400},
      {"list of lengths", post + "Content-Length: 3, 3\r\n\r\nabc", 400},
      {"signed length", post + "Content-Length: +3\r\n\r\nabc", 400},
      {"negative length", post + "Content-Length: -3\r\n\r\nabc", 400},
      {"hexadecimal length", post + "Content-Length: 0x3\r\n\r\nabc", 400},
      {"length past 64 bits", post + "Content-Length: 18446744073709551619\r\n\r\nabc", 400},
      {"empty length", post + "Content-Length: \r\n\r\nabc", 400},
      {"large length", post + "Content-Length: 2000000\r\n\r\n", 413},
      {"large chunk", chunked + "200000\r\n", 413},
      {"chunk past 64 bits", chunked + "10000000000000003\r\nabc\r\n0\r\n\r\n", 400},
      {"chunk size no number", chunked + "3g\r\nabc\r\n0\r\n\r\n", 400},
      {"chunk without its end", chunked + "3\r\nabcd\r\n0\r\n\r\n", 400},
      {"chunk with bare line feed", chunked + "3\nabc\n0\n\n", 400},
      {"two codings", post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
       400},
      {"unknown coding", post + "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
      {"hidden coding", post + "Transfer-Encoding: xchunked\r\n\r\n", 501},
      {"chunks in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"space before colon", get + "Content-Length : 3\r\n\r\nabc", 400},
      {"folded", get + "X-A: b\r\n c\r\n\r\n", 400},
      {"space before the first header", "GET / HTTP/1.1\r\n " + host + "\r\n", 400},
      {"bare line feeds", "GET / HTTP/1.1\nHost: a\n\n", 400},
      {"bare carriage return", get + "X-A: b\rX-B: c\r\n\r\n", 400},
      {"NUL in a value", get + "X-A: b" + std::string(1, '\0') + "c\r\n\r\n", 400},
      {"NUL in the target", "GET /" + std::string(1, '\0') + " HTTP/1.1\r\n" + host + "\r\n", 400},
      {"no host", "GET / HTTP/1.1\r\n\r\n", 400},
      {"two hosts", get + host + "\r\n", 400},
      {"header without colon", get + "nonsense\r\n\r\n", 400},
      {"space in the name", get + "X A: b\r\n\r\n", 400},
      {"target of a proxy", "GET http://a/ HTTP/1.1\r\n" + host + "\r\n", 400},
      {"no target", "GET  HTTP/1.1\r\n" + host + "\r\n", 400},
      {"HTTP/2.0", "GET / HTTP/2.0\r\n" + host + "\r\n", 505},
      {"no version", "GET /\r\n\r\n", 400},
      {"no HTTP", "\x16\x03\x01 hello\r\n\r\n", 400},
      {"header of 17 KiB", get + "X-A: " + std::string(17 << 10, 'a') + "\r\n\r\n", 431},
      {"other expectation", post + "Expect: tea\r\nContent-Length: 1\r\n\r\n", 417},
  };
  Site site;
  for (const auto& [what, bytes, status, stays] : cases) {
    SCOPED_TRACE(what);
    const auto client = dial(site.address);
    say(*client, bytes + "GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    const std::vector<int> expected = stays ? std::vector{status, 200} : std::vector{status};
    EXPECT_EQ(statuses(rest_of(*client)), expected);
  }
}

TEST(HttpServer, AnswersPipelinedRequestsInOrderHoweverTheyArrive) {
  const std::string requests =
      "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nfirst"
      "HEAD /large HTTP/1.1\r\nHost: a\r\n\r\n"
      "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
      "4\r\nseco\r\n2\r\nnd\r\n0\r\n\r\n"
      "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
      "GET /headers?a=1 HTTP/1.1\r\nHost: a\r\nX-a: b\r\nx-A: c\r\nConnection: close\r\n\r\n";
  Site site;
  for (const std::size_t piece : {requests.size(), std::size_t{1}, std::size_t{7}}) {
    SCOPED_TRACE(piece);
    const auto client = dial(site.address);
    for (std::size_t at = 0; at < requests.size(); at += piece)
      say(*client, std::string_view(requests).substr(at, piece));
    EXPECT_EQ(rest_of(*client),
              "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nfirst"
              "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 300000\r\n\r\n"
              "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\nsecond"
              "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n\r\n"
              "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n"
              "Content-Length: 3\r\n\r\nb|2");
  }
}

TEST(HttpServer, LateAnswersKeepTheOrderAndCountOnce) {
  Site site;
  const auto client = dial(site.address);
  say(*client,
      "GET /later HTTP/1.1\r\nHost: a\r\n\r\nGET /later HTTP/1.1\r\nHost: a\r\n\r\n"
      "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  ASSERT_TRUE(site.eventually([&] { return site.seen.size() == 3; }));
  site.lane.call([&] {
    EXPECT_TRUE(site.later[0].waiting());
    site.later[1].reply(202, "text/plain", "second");
    site.later[1].reply(500, "text/plain", "second again");
    EXPECT_FALSE(site.later[1].waiting());
    site.later[0].reply(201, "text/plain", "first");
  });
  EXPECT_EQ(statuses(rest_of(*client)), (std::vector{201, 202, 200}));
}

TEST(HttpServer, AnAnswerToAClientThatHasGoneIsDropped) {
  Site site;
  dial(site.address)->shutdown();
  auto client = dial(site.address);
  say(*client, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(site.eventually([&] { return site.later.size() == 1; }));
  const linger reset{1, 0};
  setsockopt(client->fd(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  client.reset();
  EXPECT_TRUE(site.eventually([&] { return !site.later[0].waiting(); }));
  site.lane.call([&] { site.later[0].reply(200, "text/plain", "for nobody"); });
  EXPECT_TRUE(site.eventually([&] { return site.server.connections() == 0; }));
}

TEST(HttpServer, ClientsThatAskForItAreToldToContinue) {
  Site site;
  const auto client = dial(site.address);
  say(*client,
      "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 4\r\n"
      "Expect: 100-continue\r\n\r\n");
  std::uint8_t buffer[100];
  const auto got = read_some(*client, buffer, kPatience);
  ASSERT_TRUE(got);
  EXPECT_EQ(as_text(ByteView(buffer).first(*got)), "HTTP/1.1 100 Continue\r\n\r\n");
  say(*client, "body");
  EXPECT_THAT(rest_of(*client), testing::EndsWith("\r\n\r\nbody"));
}

TEST(HttpServer, CutsWhoIsTooSlow) {
  struct Case {
    const char* what;
    std::string bytes;
    Nanos alive;  // at least so long
    Nanos gone;   // at the latest then
    std::vector<int> answers;
  };
  const std::string post = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n";
  const Case cases[] = {
      {"says nothing", "", 8 * kSecond, 9 * kSecond, {}},
      {"half a header", "GET / HT", 8 * kSecond, 9 * kSecond, {408}},
      {"no body", post, 8 * kSecond, 9 * kSecond, {408}},
      {"2 KiB of body", post + std::string(2048, 'x'), 10 * kSecond, 11 * kSecond, {408}},
      {"idle after a request",
       "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
       60 * kSecond,
       61 * kSecond,
       {200}},
      {"no answer", "GET /later HTTP/1.1\r\nHost: a\r\n\r\n", 30 * kSecond, 31 * kSecond, {}},
  };
  for (const auto& [what, bytes, alive, gone, answers] : cases) {
    SCOPED_TRACE(what);
    ManualClock clock;
    Site site({}, clock);
    const auto advance = [&](Nanos by) {
      site.lane.call([&] { clock.advance(by); });
      for (int turns = 0; turns < 3; ++turns) site.lane.call([] {});
    };
    const auto client = dial(site.address);
    say(*client, bytes);
    ASSERT_TRUE(site.eventually([&] { return site.server.connections() == 1; }));
    // The bytes must have been read before time passes; a second client's answer shows it.
    ASSERT_TRUE(http_call(site.address, "GET", "/"));
    advance(alive);
    char byte;
    EXPECT_EQ(recv(client->fd(), &byte, 1, MSG_PEEK), answers == std::vector{200} ? 1 : -1);
    advance(gone - alive);
    if (std::string(what) == "no answer") {
      const auto reply = read_http_reply(*client, kPatience);
      ASSERT_TRUE(reply);
      EXPECT_EQ(reply->status, 503);
    } else {
      EXPECT_EQ(statuses(rest_of(*client)), answers);
    }
  }
}

TEST(HttpServer, ALimitOfConnectionsIsSaid) {
  Site site({.connections = 2});
  const auto a = dial(site.address);
  const auto b = dial(site.address);
  ASSERT_TRUE(site.eventually([&] { return site.server.connections() == 2; }));
  const auto c = dial(site.address);
  const std::string answer = rest_of(*c);
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 503 Service Unavailable\r\n"));
  EXPECT_THAT(answer, HasSubstr("Retry-After: 1\r\n"));
  EXPECT_EQ(site.server.counters().turned_away, 1U);
}

TEST(HttpServer, AClientThatReadsNothingStopsBeingServed) {
  Site site;
  const auto greedy = dial(site.address);
  std::string requests;
  for (int i = 0; i < 1000; ++i) requests += "GET /large HTTP/1.1\r\nHost: a\r\n\r\n";
  say(*greedy, requests);
  ASSERT_EQ(http_call(site.address, "GET", "/")->status, 200);  // others are unharmed
  std::size_t served = 0;
  site.lane.call([&] { served = site.seen.size(); });
  EXPECT_LT(served, 100U);  // 300 KB each: what the kernel's buffers and a MiB of ours can hold
}

TEST(HttpStream, CarriesEventsToAllViewers) {
  Site site;
  auto a = HttpEventReader::open(site.address, "/events");
  auto b = HttpEventReader::open(site.address, "/events");
  ASSERT_TRUE(a && b);
  site.lane.call([&] {
    const std::string event = format_event("tick", "one\ntwo");
    for (HttpStream& viewer : site.viewers) EXPECT_TRUE(viewer.send(event));
    site.viewers[0].send("last", "{}");
    site.viewers[0].close();
  });
  for (auto* each : {&a, &b}) {
    const auto event = (*each)->next(kPatience);
    ASSERT_TRUE(event && *event);
    EXPECT_EQ((*event)->name, "tick");
    EXPECT_EQ((*event)->data, "one\ntwo");
  }
  EXPECT_EQ((*a->next(kPatience))->name, "last");
  EXPECT_FALSE(*a->next(kPatience));
  EXPECT_TRUE(site.eventually([&] { return site.viewers_gone == 1; }));
  site.lane.call([&] {
    EXPECT_FALSE(site.viewers[0].send("x", "y"));
    EXPECT_TRUE(site.viewers[1].open());
  });
}

TEST(HttpStream, AViewerThatNeverReadsIsDroppedAndOthersAreUnharmed) {
  Site site;
  auto reader = HttpEventReader::open(site.address, "/events");
  ASSERT_TRUE(reader);
  const auto sleeper = dial(site.address);
  say(*sleeper, "GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(site.eventually([&] { return site.viewers.size() == 2; }));
  const std::string event = format_event("tick", std::string(100'000, 'x'));
  int sent = 0;
  bool open = true;
  std::size_t most_unread = 0;
  while (open && sent < 2000) {
    site.lane.call([&] {
      EXPECT_TRUE(site.viewers[0].send(event));
      open = site.viewers[1].send(event);
      most_unread = std::max(most_unread, site.viewers[1].unread());
    });
    ++sent;
    const auto got = reader->next(kPatience);
    ASSERT_TRUE(got && *got);
  }
  EXPECT_FALSE(open);
  EXPECT_LE(most_unread, 1U << 20);
  EXPECT_GT(most_unread, 900'000U);
  EXPECT_TRUE(site.eventually([&] { return site.viewers_gone == 1; }));
  EXPECT_EQ(site.server.counters().dropped_viewers, 1U);
}

TEST(HttpServer, DrainsWithoutLosingAnAnswer) {
  Site site;
  const auto idle = dial(site.address);
  auto viewer = HttpEventReader::open(site.address, "/events");
  const auto busy = dial(site.address);
  say(*busy, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(site.eventually([&] { return site.later.size() == 1; }));
  {
    const std::jthread answering([&] {
      // The viewer's end shows that draining has begun.
      EXPECT_FALSE(*viewer->next(kPatience));
      site.lane.call([&] { site.later[0].reply(200, "text/plain", "in time"); });
      const std::string last = rest_of(*busy);
      EXPECT_THAT(last, HasSubstr("Connection: close"));
      EXPECT_THAT(last, testing::EndsWith("in time"));
    });
    EXPECT_EQ(site.server.drain(kPatience), 0U);
  }
  EXPECT_EQ(rest_of(*idle), "");
  EXPECT_FALSE(connect_tcp(site.address, kPatience));
}

TEST(HttpServer, DrainingTellsHowManyWereCut) {
  Site site;
  const auto busy = dial(site.address);
  say(*busy, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(site.eventually([&] { return site.later.size() == 1; }));
  EXPECT_EQ(site.server.drain(kMillisecond), 1U);
}

TEST(HttpServer, SpeaksTls) {
  TestCertificates certificates;
  certificates.sign("server", "IP:127.0.0.1");
  const auto server =
      TlsContext::server({certificates.certificate("server"), certificates.key("server"), ""});
  const auto client = TlsContext::client({.ca_file = certificates.authority()});
  ASSERT_TRUE(server && client);
  Site site;
  const auto address = site.server.listen({"127.0.0.1", 0}, &*server);
  ASSERT_TRUE(address);
  const std::string body(900'000, 'b');
  const auto reply =
      http_call(*address, "POST", "/echo", {{"X-A", "b"}}, body, kPatience, &*client);
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->status, 200);
  EXPECT_EQ(reply->body, body);
  const auto plain = http_call(*address, "GET", "/", {}, "", kPatience);
  EXPECT_FALSE(plain);  // and the server lives on
  EXPECT_TRUE(http_call(*address, "GET", "/", {}, "", kPatience, &*client));
}

TEST(Http, DecodesPercentsAndParameters) {
  EXPECT_EQ(percent_decode("a%20b%2Fc+d"), "a b/c+d");
  EXPECT_EQ(percent_decode("a+b", true), "a b");
  for (const char* bad : {"%", "%2", "%2g", "a%"}) EXPECT_FALSE(percent_decode(bad)) << bad;
  HttpRequest request;
  request.query = "range=5m&brand=Super%26Coffee&empty=&flag&range=1h&bad=%zz";
  EXPECT_EQ(request.parameter("range"), "5m");
  EXPECT_EQ(request.parameter("brand"), "Super&Coffee");
  EXPECT_EQ(request.parameter("empty"), "");
  EXPECT_EQ(request.parameter("flag"), "");
  EXPECT_FALSE(request.parameter("bad"));
  EXPECT_FALSE(request.parameter("rang"));
}

TEST(Http, HeadersCannotBeSmuggledIntoAnAnswer) {
  std::string out;
  append_http_answer(out, 302, "", "", {{"Location", "/a\r\nSet-Cookie: b"}}, false, false);
  EXPECT_EQ(out, "HTTP/1.1 302 Found\r\nLocation: /a  Set-Cookie: b\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(format_event("a\nb", "1\r\n2\r3\n\n4"),
            "event: a b\ndata: 1\ndata: 2\ndata: 3\ndata: \ndata: 4\n\n");
}

}  // namespace
}  // namespace ds
