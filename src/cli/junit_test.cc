#include "cli/junit.h"

#include <gtest/gtest.h>

namespace ds::cli {
namespace {

TEST(Junit, HasATestCaseForTheGoalAndEachLimit) {
  const JunitReport report{.file = {},
                           .suite = "datastorm produce",
                           .seconds = 1.5,
                           .goal = "every record is acknowledged",
                           .reached = false,
                           .why = "3 <unknown> & \"lost\""};
  const std::vector<Limit> limits{*parse_limit("p99<20ms"), *parse_limit("lost=0"),
                                  *parse_limit("speed>1")};
  EXPECT_EQ(junit_xml(report, limits, {{"p99", 21e6}, {"lost", 0}}),
            R"(<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="datastorm produce" tests="4" failures="3" errors="0" skipped="0" time="1.500">
    <testcase classname="datastorm produce" name="every record is acknowledged">
      <failure message="3 &lt;unknown&gt; &amp; &quot;lost&quot;"/>
    </testcase>
    <testcase classname="datastorm produce" name="p99&lt;20ms">
      <failure message="it was 21000000"/>
    </testcase>
    <testcase classname="datastorm produce" name="lost=0"/>
    <testcase classname="datastorm produce" name="speed&gt;1">
      <failure message="there is no figure 'speed' here"/>
    </testcase>
  </testsuite>
</testsuites>
)");
}

TEST(Junit, FailsWhereItCannotBeWritten) {
  JunitReport report{.file = "/nowhere/at/all.xml", .suite = "s", .goal = "g", .reached = true};
  EXPECT_FALSE(judge(report, {}, {}));
  report.file = {};
  EXPECT_TRUE(judge(report, {}, {}));
}

}  // namespace
}  // namespace ds::cli
