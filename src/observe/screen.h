// The terminal's screen: a pure function of a snapshot and the window's size.
#pragma once

#include <string>

#include "observe/snapshot.h"

namespace ds {

struct ScreenSize {
  int columns = 80;
  int rows = 24;
  bool color = true;
  bool unicode = true;
};

enum class ScreenTitle { kGeneration, kIngestion };

/// The known seven lines, and below them, where there is room, what the old one did not show.
/// Lines end with \n and are never wider than the terminal.
std::string render_screen(const Snapshot& snapshot, ScreenTitle title, const ScreenSize& size);

/// One plain line, for when output is not a terminal.
std::string render_line(const Snapshot& snapshot, ScreenTitle title);

/// The account at the end: every counter, and whether it balances.
std::string render_account(const Snapshot& snapshot, ScreenTitle title);

}  // namespace ds
