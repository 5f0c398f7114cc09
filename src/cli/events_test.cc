#include "cli/events.h"

#include <gmock/gmock.h>

#include "base/log.h"

namespace ds::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(Events, AreReadAsPeopleWriteThem) {
  for (const auto& [text, at, what, rate] : {std::tuple{"30s crisis", 30 * kSecond, "crisis", -1.0},
                                             {"0 opportunity", Nanos{0}, "opportunity", -1.0},
                                             {"1m stop", 60 * kSecond, "stop", -1.0},
                                             {"90s start", 90 * kSecond, "start", -1.0},
                                             {"2m rate 50k", 120 * kSecond, "rate", 50'000.0}}) {
    SCOPED_TRACE(text);
    const auto event = parse_event(text);
    ASSERT_TRUE(event) << event.error().message;
    EXPECT_EQ(at, event->at);
    EXPECT_EQ(what, event->what);
    EXPECT_EQ(rate, event->rate.value_or(-1));
  }
  for (const char* text : {"", "30s", "crisis", "30s panic", "30s crisis now", "30s rate",
                           "30s rate many", "30s rate 5 6", "soon crisis"}) {
    const auto event = parse_event(text);
    ASSERT_FALSE(event) << text;
    EXPECT_EQ(ErrorCode::kUsage, event.error().code) << text;
  }
  EXPECT_THAT(parse_event("30s panic").error().hint, HasSubstr("crisis, opportunity"));
}

TEST(Events, HappenOnceInTheirOrderWhenTheirTimeHasCome) {
  std::vector<std::string> pressed;
  const auto press = [&](std::string name) {
    return [&pressed, name]() -> Status { return pressed.push_back(name), Done{}; };
  };
  NoLog log;
  EventPlay play({{3 * kSecond, "stop"},
                  {1 * kSecond, "crisis"},
                  {2 * kSecond, "rate", 7},
                  {2 * kSecond, "opportunity"},
                  {9 * kSecond, "start"}},
                 {.start = press("start"),
                  .stop = press("stop"),
                  .crisis = press("crisis"),
                  .opportunity = press("opportunity"),
                  .rate = [&](std::optional<double> rate) -> Status {
                    pressed.push_back("rate " + std::to_string(static_cast<int>(rate.value())));
                    return Done{};
                  }},
                 log);
  play.turn(1 * kSecond - 1);
  EXPECT_THAT(pressed, IsEmpty());
  play.turn(1 * kSecond);
  EXPECT_THAT(pressed, ElementsAre("crisis"));
  play.turn(5 * kSecond);  // what a busy machine missed is made up for
  play.turn(5 * kSecond);
  EXPECT_THAT(pressed, ElementsAre("crisis", "rate 7", "opportunity", "stop"));
}

}  // namespace
}  // namespace ds::cli
