#include "cli/near_miss.h"

#include <gtest/gtest.h>

namespace ds::cli {
namespace {

TEST(NearMiss, FindsWhatWasMeant) {
  constexpr std::string_view kNames[] = {"total",           "topic", "produce", "rate",
                                         "retention-bytes", "sink",  "sine"};
  struct Case {
    const char *what, *word, *meant;
  };
  const Case cases[] = {
      {"the very word", "rate", "rate"},
      {"a letter left out", "totl", "total"},
      {"a letter too many", "topicc", "topic"},
      {"another letter", "rste", "rate"},
      {"neighbours swapped", "prodcue", "produce"},
      {"two slips in a long word", "retention-byte", "retention-bytes"},
      {"nothing is near", "frob", ""},
      {"two are as near", "sin", ""},
      {"nothing", "", ""},
  };
  for (const auto& [what, word, meant] : cases) {
    SCOPED_TRACE(what);
    EXPECT_EQ(nearest(word, kNames), meant);
  }
}

}  // namespace
}  // namespace ds::cli
