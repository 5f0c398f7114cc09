#include "bench/child.h"

#include <gtest/gtest.h>

namespace ds {
namespace {

TEST(Child, TellsItsLinesAndItsExitCode) {
  struct Case {
    const char* what;
    const char* script;
    std::vector<std::string> lines;
    int exit_code;
  };
  const Case cases[] = {
      {"nothing", "true", {}, 0},
      {"arguments with spaces", "echo \"$1\"; echo \"$2\"", {"a b", "c"}, 0},
      {"standard error too", "echo out; echo err >&2; exit 3", {"out", "err"}, 3},
      {"a last line without an end", "printf 'a\\nb'", {"a", "b"}, 0},
      {"ended by a signal", "kill -KILL $$", {}, 128 + 9},
  };
  for (const auto& [what, script, lines, exit_code] : cases) {
    SCOPED_TRACE(what);
    auto child = Child::start(script, {"a b", "c"});
    ASSERT_TRUE(child.ok());
    std::vector<std::string> got;
    while (auto line = (*child)->read_line()) got.push_back(*line);
    EXPECT_EQ(got, lines);
    EXPECT_EQ((*child)->wait().exit_code, exit_code);
    EXPECT_EQ((*child)->wait().exit_code, exit_code) << "a second time";
  }
}

TEST(Child, HearsThatWeAreGoneByItsInputsEnd) {
  auto child = Child::start("echo ready; read -r line; echo gone", {});
  ASSERT_TRUE(child.ok());
  EXPECT_EQ((*child)->read_line(), "ready");
  (*child)->close_input();
  EXPECT_EQ((*child)->read_line(), "gone");
}

TEST(Child, CountsTheTimeOfItsOwnChildrenToo) {
  auto child = Child::start("sh -c 'i=0; while [ $i -lt 100000 ]; do i=$((i + 1)); done'", {});
  ASSERT_TRUE(child.ok());
  EXPECT_GT((*child)->wait().cpu_seconds, 0.005);
}

}  // namespace
}  // namespace ds
