#include "cli/settings.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "cli/command.h"
#include "cli/limits.h"

namespace ds::cli {
namespace {

class SettingsTest : public testing::Test {
 protected:
  SettingsTest() {
    std::string name = (std::filesystem::temp_directory_path() / "settings-XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~SettingsTest() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name) << text;
    return (folder_ / name).string();
  }

  std::filesystem::path folder_;
};

constexpr std::string_view kNames[] = {"total", "topic", "rate", "workers"};

TEST_F(SettingsTest, TakesEachValueFromTheHighestSource) {
  const Sources sources{
      .config_file = write("storm.toml",
                           "total = 5\ntopic = \"a\"\nrate = 7\n"
                           "[produce]\ntopic = \"b\"\n[consume]\ntopic = \"c\"\n"),
      .environment = {{"KAFKA_TOPIC", "d"}},
      .dotenv_file = write(".env", "# comment\nWORKERS=3\nexport KAFKA_TOPIC=\"e\"\n")};
  const auto settings = resolve_below_flags("produce", kNames, sources);
  ASSERT_TRUE(settings.ok()) << settings.error().message;
  EXPECT_EQ(settings->at("total").text, "5");
  EXPECT_TRUE(settings->at("total").origin.ends_with("storm.toml:1"));
  EXPECT_EQ(settings->at("topic").text, "d");
  EXPECT_EQ(settings->at("topic").origin, "KAFKA_TOPIC in the environment");
  EXPECT_EQ(settings->at("rate").text, "7");
  EXPECT_EQ(settings->at("workers").text, "3");
  EXPECT_TRUE(settings->at("workers").origin.ends_with(".env:2"));

  Sources without = sources;
  without.environment.clear();
  without.dotenv_file = "";
  EXPECT_EQ(resolve_below_flags("produce", kNames, without)->at("topic").text, "b");
  EXPECT_EQ(resolve_below_flags("broker", kNames, without)->at("topic").text, "a");
  EXPECT_EQ(resolve_below_flags("produce", kNames, {.dotenv_file = ""})->at("topic").origin,
            "default");
}

TEST_F(SettingsTest, SaysEverythingThatIsWrongAtOnceWithItsPlace) {
  const std::string file = write("bad.toml", "totl = 5\n[prodce]\nx = 1\n[produce]\nrat = 2\n");
  const auto unknown =
      resolve_below_flags("produce", kNames, {.config_file = file, .dotenv_file = ""});
  ASSERT_TRUE(unknown.ok());
  Reader read_unknown(*unknown);
  read_unknown.count("topic");
  ASSERT_TRUE(read_unknown.errors());
  for (const char* part : {":1: no setting is called 'totl'; did you mean 'total'?",
                           ":2: no command is called 'prodce'", ":5: no setting is called 'rat'",
                           "'tweets' is not a whole number"})
    EXPECT_NE(read_unknown.errors()->message.find(part), std::string::npos)
        << read_unknown.errors()->message;

  const auto broken = resolve_below_flags(
      "produce", kNames,
      {.config_file = write("broken.toml", "a = 1\nb = = 2\n"), .dotenv_file = ""});
  ASSERT_FALSE(broken.ok());
  EXPECT_NE(broken.error().message.find("broken.toml:2:"), std::string::npos);
  EXPECT_FALSE(resolve_below_flags("produce", kNames, {.config_file = "nowhere.toml"}).ok());

  auto settings = resolve_below_flags("produce", kNames,
                                      {.environment = {{"WORKERS", "many"}}, .dotenv_file = ""});
  settings->set("total", {"-5", "--total", true});
  Reader read(*settings);
  read.count("total");
  read.count("workers");
  ASSERT_TRUE(read.errors());
  EXPECT_EQ(read.errors()->code, ErrorCode::kUsage);
  EXPECT_NE(read.errors()->message.find("--total: '-5'"), std::string::npos);
  EXPECT_NE(read.errors()->message.find("WORKERS in the environment: 'many'"), std::string::npos);
}

TEST(Reader, HoldsCountsToTheirRange) {
  struct Case {
    const char* text;
    int value;
    const char* says;  // nothing: it is fine
  };
  const Case cases[] = {{"1", 1, nullptr},
                        {"16", 16, nullptr},
                        {"0", 1, "'0' is out of range (allowed: from 1 to 16)"},
                        {"4294967297", 1, "'4294967297' is out of range"},
                        {"many", 1, "'many' is not a whole number"}};
  for (const auto& [text, value, says] : cases) {
    SCOPED_TRACE(text);
    Settings settings;
    settings.set("in-flight", {text, "--in-flight", true});
    Reader read(settings);
    EXPECT_EQ(read.count_within("in-flight", 1, 16), value);
    ASSERT_EQ(read.errors().has_value(), says != nullptr);
    if (says != nullptr) {
      EXPECT_NE(read.errors()->message.find(says), std::string::npos) << read.errors()->message;
      EXPECT_EQ(read.errors()->message.find('\n'), std::string::npos) << "said once";
    }
  }
}

TEST(Reader, KeepsCommasInsideAProperty) {
  Settings settings;
  settings.set("property", {"ssl.cipher.suites=a,b\nacks=1", "--property", true});
  settings.set("limit", {"lost=0,p99<5ms", "LIMITS in the environment", true});
  Reader read(settings);
  EXPECT_EQ(read.list("property"), (std::vector<std::string>{"ssl.cipher.suites=a,b", "acks=1"}));
  EXPECT_EQ(read.list("limit"), (std::vector<std::string>{"lost=0", "p99<5ms"}));
}

TEST(SettingTable, EveryCommandsSettingsAreDeclaredOnce) {
  std::vector<std::string_view> seen;
  for (const Setting& each : all_settings()) {
    EXPECT_EQ(std::count(seen.begin(), seen.end(), each.name), 0) << each.name;
    EXPECT_FALSE(each.help.empty()) << each.name;
    seen.push_back(each.name);
  }
  for (const Command& command : all_commands()) {
    EXPECT_FALSE(command.example.empty()) << command.name;
    for (const std::string_view name : command.settings)
      EXPECT_NE(find_setting(name), nullptr) << command.name << " " << name;
  }
}

TEST(Limits, ReadWhatPeopleWrite) {
  struct Case {
    const char* text;
    double value;
    bool good;
  };
  const Case cases[] = {{"p99<20ms", 19.9e6, true},  {"p99<20ms", 20e6, false},
                        {"p99<=20ms", 20e6, true},   {"lost=0", 0, true},
                        {"lost=0", 1, false},        {"rate>1M", 1.1e6, true},
                        {"rate>=1M", 999'999, false}};
  for (const auto& [text, value, good] : cases) {
    const auto limit = parse_limit(text);
    ASSERT_TRUE(limit.ok()) << text;
    EXPECT_EQ(holds(*limit, value), good) << text;
  }
  for (const char* text : {"", "p99", "<5", "p99<", "p99<fast", "p99<5parsecs"})
    EXPECT_FALSE(parse_limit(text).ok()) << text;
}

TEST(Limits, AreMissedByAFigureThatIsNotThere) {
  const std::vector<Limit> limits = {*parse_limit("lost=0")};
  EXPECT_TRUE(report_limits(limits, {{"lost", 0}, {"p99", 5}}));
  EXPECT_FALSE(report_limits(limits, {{"lost", 1}}));
  EXPECT_FALSE(report_limits(limits, {{"p99", 0}}));
  EXPECT_FALSE(report_limits(limits, {}));
}

}  // namespace
}  // namespace ds::cli
