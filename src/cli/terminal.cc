#include "cli/terminal.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

namespace ds::cli {
namespace {

constexpr Nanos kLineInterval = 5 * kSecond;

std::string_view variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view() : value;
}

bool speaks_utf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const std::string_view value = variable(name);
    if (value.empty()) continue;
    return value.find("UTF-8") != std::string_view::npos ||
           value.find("utf8") != std::string_view::npos;
  }
  return true;  // nothing is set, as in a bare container: terminals of today do
}

}  // namespace

Terminal::Terminal(ScreenTitle title, bool json, bool quiet)
    : title_(title),
      out_(json ? stderr : stdout),
      quiet_(quiet),
      redraws_(isatty(fileno(out_)) != 0 && variable("TERM") != "dumb") {}

ScreenSize Terminal::size() const {
  ScreenSize size{.color = variable("NO_COLOR").empty(), .unicode = speaks_utf8()};
  winsize window{};
  if (ioctl(fileno(out_), TIOCGWINSZ, &window) == 0 && window.ws_col > 0) {
    size.columns = window.ws_col;
    size.rows = window.ws_row;
  }
  return size;
}

void Terminal::erase() {
  if (drawn_lines_ > 0) fmt::print(out_, "\x1b[{}A\x1b[J", drawn_lines_);
  drawn_lines_ = 0;
}

void Terminal::show(const Snapshot& snapshot, Nanos now) {
  if (quiet_) return;
  if (redraws_) {
    const std::string screen = render_screen(snapshot, title_, size());
    erase();
    std::fputs(screen.c_str(), out_);
    drawn_lines_ = static_cast<int>(std::ranges::count(screen, '\n'));
  } else if (last_line_ == 0 || now - last_line_ >= kLineInterval - kSecond / 10) {
    std::fputs(render_line(snapshot, title_).c_str(), out_);
    last_line_ = now;
  }
  std::fflush(out_);
}

void Terminal::finish(const Snapshot& snapshot) {
  if (quiet_) return;
  if (redraws_) {
    erase();
    std::fputs(render_screen(snapshot, title_, size()).c_str(), out_);
    drawn_lines_ = 0;
  } else {
    std::fputs(render_line(snapshot, title_).c_str(), out_);
  }
  std::fputs(render_account(snapshot, title_).c_str(), out_);
  std::fflush(out_);
}

void Terminal::say(const std::string& text) {
  if (quiet_) return;
  erase();
  fmt::print(out_, "{}\n", text);
  std::fflush(out_);
}

}  // namespace ds::cli
