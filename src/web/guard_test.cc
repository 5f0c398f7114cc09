#include "web/guard.h"

#include <gtest/gtest.h>

namespace ds {
namespace {

TEST(Guard, LetsItsOwnPageAndScriptsPassAndNobodyElse) {
  const Guard guard(Address{"127.0.0.1", 3000});
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

}  // namespace
}  // namespace ds
