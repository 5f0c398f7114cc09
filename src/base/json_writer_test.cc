#include "base/json_writer.h"

#include <gtest/gtest.h>

namespace ds {
namespace {

struct Inner {
  std::string name;
  static void fields(auto& self, auto& io) { io("name", self.name); }
};
struct Outer {
  std::int64_t count = 0;
  double share = 0;
  bool live = false;
  std::optional<std::int64_t> maybe;
  std::vector<Inner> inners;
  std::map<std::string, int> by_name;
  static void fields(auto& self, auto& io) {
    io("count", self.count);
    io("share", self.share);
    io("live", self.live);
    io("maybe", self.maybe);
    io("inners", self.inners);
    io("byName", self.by_name);
  }
};

TEST(JsonWriter, WritesWhatFieldsNames) {
  EXPECT_EQ(
      to_json(Outer{.count = -7,
                    .share = 0.5,
                    .live = true,
                    .maybe = 3,
                    .inners = {{"a"}, {"b"}},
                    .by_name = {{"x", 1}, {"y", 2}}}),
      R"({"count":-7,"share":0.5,"live":true,"maybe":3,"inners":[{"name":"a"},{"name":"b"}],"byName":{"x":1,"y":2}})");
  EXPECT_EQ(to_json(Outer{}),
            R"({"count":0,"share":0,"live":false,"maybe":null,"inners":[],"byName":{}})");
}

TEST(JsonWriter, EscapesStringsIntoValidJson) {
  struct Case {
    const char* what;
    std::string text, json;
  };
  const Case cases[] = {
      {"quotes and backslash", "a\"b\\c", R"("a\"b\\c")"},
      {"control characters", std::string("\n\t\0", 3) + "\x7f", R"("\n\u0009\u0000\u007f")"},
      {"valid UTF-8", "Kaffee für 5 €, 😀", "\"Kaffee für 5 €, 😀\""},
      {"a lone continuation byte", "x\x80y", R"("x\ufffdy")"},
      {"an overlong slash", "\xc0\xaf", R"("\ufffd\ufffd")"},
      {"a surrogate", "\xed\xa0\x80", R"("\ufffd\ufffd\ufffd")"},
      {"cut short", "\xe2\x82", R"("\ufffd\ufffd")"},
  };
  for (const auto& [what, text, json] : cases) {
    SCOPED_TRACE(what);
    EXPECT_EQ(to_json(text), json);
  }
}

}  // namespace
}  // namespace ds
