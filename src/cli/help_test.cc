#include "cli/help.h"

#include <gtest/gtest.h>

#include <sstream>

namespace ds::cli {
namespace {

TEST(Help, NamesEveryFlagOnceAndKeepsToItsWidth) {
  for (const Command& command : all_commands()) {
    SCOPED_TRACE(command.name);
    const std::string help = help_of(command, 90);
    for (const std::string_view name : settings_of(command)) {
      const std::string flag = (name == "property" ? "  -X, --" : "  --") + std::string(name);
      std::size_t lines = 0;
      std::istringstream in(help);
      for (std::string line; std::getline(in, line);)
        lines += line == flag || line.starts_with(flag + " ");
      EXPECT_EQ(lines, 1u) << flag;
    }
    std::istringstream in(help.substr(help.find("\n\n", help.find("Example:"))));
    for (std::string line; std::getline(in, line);) EXPECT_LE(line.size(), 90u) << line;
  }
}

TEST(Help, ManySettingsStandUnderHeadings) {
  for (const Command& command : all_commands()) {
    const std::string help = help_of(command);
    if (command.name == "up" || command.name == "produce") {
      EXPECT_NE(help.find("\nWhat the records are:\n"), std::string::npos) << help;
      EXPECT_EQ(help.find("\nOptions:\n"), std::string::npos) << help;
    }
    if (command.name == "monitor") {
      EXPECT_NE(help.find("\nOptions:\n"), std::string::npos) << help;
    }
  }
}

}  // namespace
}  // namespace ds::cli
