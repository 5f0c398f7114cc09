#include "record/payload/text_template.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

namespace ds {
namespace {

constexpr std::int64_t kNow = 1'763'700'123'456;

std::string line(const Payload& payload, std::uint64_t n) {
  Image image;
  payload.draw(n, image);
  const ByteVec made = made_of(
      image, {.seed = 7, .record = n, .stream = 5, .sequence = 100 + n, .timestamp_ms = kNow});
  return std::string(as_text(made));
}
std::shared_ptr<const Payload> parsed(std::string_view text) {
  auto payload = parse_template(text, "t.tpl", 7, Encoding::kAsIs);
  EXPECT_TRUE(payload.ok()) << payload.error().message;
  return payload ? std::move(payload).value() : nullptr;
}

TEST(TextTemplate, FillsEachPlaceholder) {
  struct Case {
    const char* text;
    const char* made;  // of record 12
  };
  const Case cases[] = {
      {"plain text\n", "plain text"},
      {"two\n\n", "two\n"},
      {"{{sequence}}", "12"},
      {"{{sequence start=100 step=-10}}", "-20"},
      {"{{sequence width=6}}", "000012"},
      {"{{stream}}/{{stream-sequence start=1}}", "5/113"},
      {"{{timestamp}} {{timestamp s}} {{timestamp us}}",
       "1763700123456 1763700123 1763700123456000"},
      {"{{timestamp ns}}", "1763700123456000000"},
      {"{{timestamp iso}}", "2025-11-21T04:42:03.456Z"},
      {"{{uniform 7 7}}{{uniform 2.5 2.5 decimals=1}}", "72.5"},
      {"{{normal 3 0 decimals=0}}", "3"},
      {"{{normal 3 100 min=1 max=1 decimals=2}}", "1.00"},
      {"{{zipf 2 1}}", "1"},
      {"{{choice one}}{{choice \"a \\\"b\\\"\\n\"}}", "onea \"b\"\n"},
      {"{{\"{{\"}} and }}", "{{ and }}"},
      {"{{! a remark }}\nafter", "after"},
      {"{{part p}}[{{q}}]{{end}}\n{{part q}}x{{end}}\n{{p}}{{choice {p}}}", "[x][x]"},
      {"{{repeat 3 3 \", \"}}{{sequence}}{{end}}", "12, 12, 12"},
      {"{{ sequence }}\n{{\n stream\n}}", "12\n5"},
      {"{\"id\":{{sequence}}}", "{\"id\":12}"},
  };
  for (const auto& [text, made] : cases) {
    SCOPED_TRACE(text);
    const auto payload = parsed(text);
    ASSERT_TRUE(payload);
    EXPECT_EQ(line(*payload, 12), made);
  }
}

TEST(TextTemplate, DrawsByTheDistributionsItNames) {
  const auto payload = parsed(
      R"({"u":{{uniform -5 5}},"r":{{uniform 0 1 decimals=6}},"n":{{normal 20 5 decimals=6}},)"
      R"("z":{{zipf 1.2 100}},"c":"{{choice a:6 b:3 c}}","d":"{{digits 3}}","h":"{{hex 4}}"})");
  ASSERT_TRUE(payload);
  constexpr int kDraws = 20'000;
  std::map<std::string, int> choices;
  std::map<int, int> whole, ranks;
  double sum = 0, squares = 0, unit = 0;
  for (int n = 0; n < kDraws; ++n) {
    const auto json = nlohmann::json::parse(line(*payload, static_cast<std::uint64_t>(n)));
    ++whole[json["u"].get<int>()];
    ++ranks[json["z"].get<int>()];
    ++choices[json["c"].get<std::string>()];
    unit += json["r"].get<double>();
    sum += json["n"].get<double>();
    squares += json["n"].get<double>() * json["n"].get<double>();
    EXPECT_EQ(json["d"].get<std::string>().size(), 3u);
    EXPECT_EQ(json["h"].get<std::string>().find_first_not_of("0123456789abcdef"),
              std::string::npos);
  }
  EXPECT_EQ(whole.size(), 11u);
  EXPECT_EQ(whole.begin()->first, -5);
  for (const auto& [value, count] : whole) EXPECT_NEAR(count, kDraws / 11.0, 250) << value;
  EXPECT_NEAR(unit / kDraws, 0.5, 0.01);
  const double mean = sum / kDraws;
  EXPECT_NEAR(mean, 20, 0.2);
  EXPECT_NEAR(std::sqrt(squares / kDraws - mean * mean), 5, 0.15);
  EXPECT_NEAR(choices["a"], 0.6 * kDraws, 300);
  EXPECT_NEAR(choices["b"], 0.3 * kDraws, 300);
  double harmonic = 0;
  for (int k = 1; k <= 100; ++k) harmonic += std::pow(k, -1.2);
  for (const int k : {1, 2, 5})
    EXPECT_NEAR(ranks[k], kDraws * std::pow(k, -1.2) / harmonic, 300) << "rank " << k;
  EXPECT_LE(ranks.rbegin()->first, 100);
}

TEST(TextTemplate, GivesEachRecordItsOwnUuid) {
  const auto payload = parsed("{{uuid}} {{uuid}}");
  std::set<std::string> seen;
  for (std::uint64_t n = 0; n < 1000; ++n) {
    const std::string both = line(*payload, n);
    ASSERT_EQ(both.size(), 73u);
    EXPECT_EQ(both[14], '4');
    seen.insert(both.substr(0, 36));
    seen.insert(both.substr(37));
  }
  EXPECT_EQ(seen.size(), 2000u);
}

TEST(TextTemplate, KeepsItsVerbWhateverItLooksLike) {
  const auto parsed = parse_template("{{stream-sequen=3}}", "t.tpl", 1, Encoding::kAsIs);
  ASSERT_FALSE(parsed.ok());
  EXPECT_NE(parsed.error().message.find("stream-sequen=3"), std::string::npos)
      << parsed.error().message;
}

TEST(TextTemplate, SaysAllThatIsWrongAndWhere) {
  struct Case {
    const char* text;
    const char* said;
  };
  const Case cases[] = {
      {"", "t.tpl:1:1: the template is empty"},
      {"a\n  {{sequense}}", "t.tpl:2:3: there is no placeholder and no part 'sequense'"},
      {"{{sequence", "t.tpl:1:1: this {{ has no }}"},
      {"{{}}", "t.tpl:1:1: there is nothing between {{ and }}"},
      {"{{end}}", "t.tpl:1:1: this {{end}} closes nothing"},
      {"{{repeat 1 2}}x", "t.tpl:1:15: this {{repeat}} has no {{end}}"},
      {"{{repeat 2 1}}x{{end}}", "t.tpl:1:10: from 2 to 1 is no range of counts from 0 to 1000"},
      {"{{uniform 1}}", "t.tpl:1:1: 'uniform' is written {{uniform MIN MAX decimals=N}}"},
      {"{{uniform 1 zwei}}", "t.tpl:1:13: 'zwei' is not a number"},
      {"{{uniform 3 1}}", "t.tpl:1:11: 3 is above 1"},
      {"{{uuid speed=3}}", "t.tpl:1:8: 'uuid' knows no 'speed'"},
      {"{{choice a:0 b}}", "t.tpl:1:11: a weight is a number above 0"},
      {"{{choice {nobody}}}", "t.tpl:1:1: there is no placeholder and no part 'nobody'"},
      {"{{timestamp years}}", "t.tpl:1:13: 'years' is no form of a time: ms, s, us, ns or iso"},
      {"{{part a}}{{b}}{{end}}{{part b}}{{a}}{{end}}{{a}}", "t.tpl:1:33: the part 'a' uses itself"},
      {"{{part a}}x{{end}}{{part a}}y{{end}}", "t.tpl:1:19: there is a part 'a' already"},
      {"{{repeat 1 1000}}{{repeat 1 1000}}{{words 9 9}}{{end}}{{end}}",
       "t.tpl:1:1: its largest value would exceed 1048576 bytes"},
      {"{{\"open}}", "t.tpl:1:3: this text has no closing quote"},
      {"{{one}}\n{{two}}",
       "t.tpl:1:1: there is no placeholder and no part 'one'\n"
       "t.tpl:2:1: there is no placeholder and no part 'two'"},
  };
  for (const auto& [text, said] : cases) {
    SCOPED_TRACE(text);
    const auto payload = parse_template(text, "t.tpl", 1, Encoding::kAsIs);
    ASSERT_FALSE(payload.ok());
    EXPECT_EQ(payload.error().message, said);
    EXPECT_EQ(payload.error().code, ErrorCode::kUsage);
  }
}

}  // namespace
}  // namespace ds
