#include "web/guard.h"

#include <gtest/gtest.h>

namespace ds {
namespace {

TEST(Guard, LetsItsOwnPageAndScriptsPassAndNobodyElse) {
  const Guard guard(Address{"127.0.0.1", 3000}, {});
  struct Case {
    const char* what;
    const char* method;
    const char* path;
    HttpHeaderViews headers;
    const char* body;
    int status;  // 0: passes
  };
  const HttpHeaderViews::value_type host{"Host", "127.0.0.1:3000"},
      json{"Content-Type", "application/json"};
  const Case cases[] = {
      {"a script", "GET", "/api/status", {host}, "", 0},
      {"a script by name", "GET", "/api/status", {{"host", "LocalHost:3000"}}, "", 0},
      {"IPv6 loopback", "GET", "/", {{"host", "[::1]:3000"}}, "", 0},
      {"no host", "GET", "/", {}, "", 403},
      {"another port", "GET", "/", {{"host", "127.0.0.1:3001"}}, "", 403},
      {"a name that resolves here", "GET", "/api/status", {{"host", "evil.example:3000"}}, "", 403},
      {"our page",
       "POST",
       "/api/stop",
       {host, {"origin", "http://127.0.0.1:3000"}, {"sec-fetch-site", "same-origin"}},
       "",
       0},
      {"another site's script",
       "POST",
       "/api/stop",
       {host, {"origin", "http://evil.example"}},
       "",
       403},
      {"a sandboxed frame", "POST", "/api/stop", {host, {"origin", "null"}}, "", 403},
      {"https of ours is not ours",
       "POST",
       "/api/stop",
       {host, {"origin", "https://127.0.0.1:3000"}},
       "",
       403},
      {"another site's image",
       "GET",
       "/api/status",
       {host, {"sec-fetch-site", "cross-site"}},
       "",
       403},
      {"another port's page",
       "GET",
       "/api/status",
       {host, {"sec-fetch-site", "same-site"}},
       "",
       403},
      {"a link to the page", "GET", "/", {host, {"sec-fetch-site", "cross-site"}}, "", 0},
      {"the address bar", "GET", "/api/status", {host, {"sec-fetch-site", "none"}}, "", 0},
      {"JSON", "POST", "/api/rate", {host, json}, "{}", 0},
      {"JSON with a charset",
       "POST",
       "/api/rate",
       {host, {"content-type", "Application/JSON; charset=utf-8"}},
       "{}",
       0},
      {"a form", "POST", "/api/rate", {host, {"content-type", "text/plain"}}, "{}", 415},
      {"no type", "POST", "/api/rate", {host}, "{}", 415},
  };
  for (const auto& each : cases) {
    SCOPED_TRACE(each.what);
    HttpRequest request;
    request.method = each.method;
    request.path = request.target = each.path;
    request.headers = each.headers;
    request.body = as_bytes(each.body);
    const auto refused = guard.refuse(request);
    EXPECT_EQ(refused ? refused->status : 0, each.status);
  }
}

TEST(Guard, BeyondLoopbackATokenIsAskedForAndNamesAreTakenAtTheirWord) {
  const Address all{"0.0.0.0", 3000};
  const std::string token = "0123456789abcdef";
  EXPECT_FALSE(Guard::allows(all, {}).ok());
  EXPECT_FALSE(Guard::allows(all, {.token = "short"}).ok());
  EXPECT_FALSE(Guard::allows({"127.0.0.1", 3000}, {.token = "short"}).ok());
  EXPECT_TRUE(Guard::allows({"127.0.0.1", 3000}, {}).ok());
  ASSERT_TRUE(Guard::allows(all, {.token = token}).ok());
  const Guard guard(all, {.token = token, .hosts = {"Dash.example", "proxy.example:8443"}});
  const std::string bearer = "Bearer " + token, cookie = guard.cookie();
  EXPECT_EQ(cookie.find(token), std::string::npos);
  struct Case {
    const char* what;
    const char* method;
    const char* path;
    HttpHeaderViews headers;
    int status;
  };
  const HttpHeaderViews::value_type host{"Host", "10.1.2.3:3000"}, said{"Authorization", bearer};
  const Case cases[] = {
      {"an address of ours", "GET", "/api/status", {host, said}, 0},
      {"an IPv6 address", "GET", "/api/status", {{"Host", "[fd00::7]:3000"}, said}, 0},
      {"any name", "GET", "/api/status", {{"Host", "evil.example:3000"}, said}, 403},
      {"a name given", "GET", "/api/status", {{"Host", "dash.example"}, said}, 0},
      {"with any port", "GET", "/api/status", {{"Host", "dash.example:9"}, said}, 0},
      {"a name with its port", "GET", "/", {{"Host", "proxy.example:8443"}}, 0},
      {"and only that", "GET", "/", {{"Host", "proxy.example:8444"}}, 403},
      {"two hosts", "GET", "/", {host, host}, 403},
      {"no token", "GET", "/api/status", {host}, 401},
      {"no token, the page", "GET", "/", {host}, 0},
      {"no token, health", "GET", "/readyz", {host}, 0},
      {"no token, metrics", "GET", "/metrics", {host}, 401},
      {"no token, a post to the page", "POST", "/", {host}, 401},
      {"to log in", "POST", "/login", {host}, 0},
      {"to log in from elsewhere",
       "POST",
       "/login",
       {host, {"Origin", "http://10.1.2.9:3000"}},
       403},
      {"its page", "POST", "/api/stop", {host, {"Origin", "http://10.1.2.3:3000"}, said}, 0},
      {"another machine's page",
       "POST",
       "/api/stop",
       {host, {"Origin", "http://10.1.2.9:3000"}, said},
       403},
      {"through a proxy with TLS",
       "POST",
       "/api/stop",
       {{"Host", "dash.example"}, {"Origin", "https://dash.example"}, said},
       0},
      {"a cookie", "GET", "/api/status", {host, {"Cookie", cookie}}, 0},
      {"half a cookie",
       "GET",
       "/api/status",
       {host, {"Cookie", std::string_view(cookie).substr(0, 30)}},
       401},
      {"a wrong token beside a cookie",
       "GET",
       "/api/status",
       {host, {"Authorization", "Bearer x"}, {"Cookie", cookie}},
       401},
  };
  for (const auto& each : cases) {
    SCOPED_TRACE(each.what);
    HttpRequest request;
    request.method = each.method;
    request.path = request.target = each.path;
    request.headers = each.headers;
    const auto refused = guard.refuse(request);
    EXPECT_EQ(refused ? refused->status : 0, each.status);
  }
}

}  // namespace
}  // namespace ds
