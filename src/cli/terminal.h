// The terminal: redrawn in place once a second; when it is none, one plain line every five.
#pragma once

#include <string>

#include "base/clock.h"
#include "observe/screen.h"
#include "observe/snapshot.h"

namespace ds::cli {

/// People's text goes to standard output, or to standard error when that carries JSON.
class Terminal {
 public:
  Terminal(ScreenTitle title, bool json, bool quiet);

  /// Draws what changed; call it once a second.
  void show(const Snapshot& snapshot, Nanos now);
  /// The last state of the screen, then the account.
  void finish(const Snapshot& snapshot);
  /// Lines that stay, e.g. addresses; the screen is drawn below them.
  void say(const std::string& text);

 private:
  ScreenSize size() const;
  void erase();

  ScreenTitle title_;
  std::FILE* out_;
  bool quiet_;
  bool redraws_;
  int drawn_lines_ = 0;
  Nanos last_line_ = 0;
};

}  // namespace ds::cli
