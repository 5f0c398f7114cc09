#include "observe/screen.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/units.h"
#include "base/utf8.h"

namespace ds {
namespace {

constexpr int kBarWidth = 30;

/// What the screen calls done, and out of how many: generated or stored records.
struct Progress {
  std::uint64_t done = 0;
  std::uint64_t errors = 0;
  std::uint64_t wanted = 0;
};

Progress progress_of(const Snapshot& s, ScreenTitle title) {
  if (title == ScreenTitle::kIngestion)
    return {s.stored, s.errors + s.balance.missing + s.balance.doubled, s.total_wanted};
  return {s.counters.acknowledged, s.counters.failed + s.counters.unknown, s.total_wanted};
}

/// With acks=0 nothing is ever acknowledged: the screen then counts what was written, and says so.
bool unconfirmed(const Snapshot& s) {
  return s.acks == "0";
}

std::string cut_to(std::string_view line, int columns) {
  std::string out;
  for (int shown = 0; !line.empty() && shown < columns; ++shown) {
    const std::size_t length = std::max<std::size_t>(1, utf8_sequence_length(line));
    out += line.substr(0, length);
    line.remove_prefix(length);
  }
  return out;
}

std::string bar(double share, bool unicode) {
  const int filled = static_cast<int>(std::lround(std::clamp(share, 0.0, 1.0) * kBarWidth));
  std::string text = "[";
  for (int i = 0; i < kBarWidth; ++i)
    text += unicode ? (i < filled ? "▓" : "░") : (i < filled ? "#" : ".");
  return text + "]";
}

std::string rate_text(double rate) {
  return with_commas(static_cast<std::uint64_t>(std::llround(std::max(0.0, rate))));
}

/// The stages in the order of a record's way, a line each under a head.
std::vector<std::string> latency_table(const Snapshot& s) {
  constexpr std::string_view kWay[] = {"wait", "acknowledged", "fetched", "stored", "visible"};
  std::vector<std::string> lines;
  for (const std::string_view stage : kWay) {
    const auto found = s.latency_us.find(std::string(stage));
    if (found == s.latency_us.end() || found->second.max <= 0) continue;
    const Quantiles& us = found->second;
    if (lines.empty())
      lines.push_back(
          fmt::format("{:<14}{:>9}{:>9}{:>9}{:>9}", "latency, ms", "p50", "p99", "p99.9", "max"));
    lines.push_back(fmt::format("{:<14}{:>9.1f}{:>9.1f}{:>9.1f}{:>9.1f}", stage, us.p50 / 1000,
                                us.p99 / 1000, us.p999 / 1000, us.max / 1000));
  }
  return lines;
}

}  // namespace

std::string render_screen(const Snapshot& s, ScreenTitle title, const ScreenSize& size) {
  Progress progress = progress_of(s, title);
  if (title == ScreenTitle::kGeneration && unconfirmed(s)) progress.done = s.counters.written;
  const double share = progress.wanted == 0 ? 0
                                            : static_cast<double>(progress.done) /
                                                  static_cast<double>(progress.wanted);
  const char* branch = size.unicode ? "├─" : "|-";
  const char* last = size.unicode ? "└─" : "`-";
  const bool generation = title == ScreenTitle::kGeneration;

  std::vector<std::string> lines;
  const std::string name =
      generation ? "BrandPulse Tweet Generation Metrics" : "BrandPulse Data Ingestion Metrics";
  lines.push_back(name);
  if (progress.wanted != 0)
    lines.push_back(fmt::format("{} {:.2f}%", bar(share, size.unicode), share * 100));
  else
    lines.push_back(fmt::format("{} no end", bar(0, size.unicode)));
  const std::string out_of =
      progress.wanted != 0 ? fmt::format(" / {}", with_commas(progress.wanted)) : "";
  lines.push_back(fmt::format("{} Total Tweets: {}{}", branch, with_commas(progress.done), out_of));
  lines.push_back(
      fmt::format("{} Throughput (current): {} tweets/sec", branch, rate_text(s.rate.achieved)));
  lines.push_back(
      fmt::format("{} Throughput (avg): {} tweets/sec", branch, rate_text(s.rate.average)));
  lines.push_back(fmt::format("{} Elapsed: {}", branch, hours_minutes_seconds(s.elapsed_s)));
  const bool known = progress.wanted != 0 && s.rate.average > 0;
  const double left =
      static_cast<double>(progress.wanted - std::min(progress.wanted, progress.done));
  lines.push_back(fmt::format("{} Remaining: {}", branch,
                              known ? hours_minutes_seconds(left / s.rate.average) : "--:--:--"));
  lines.push_back(fmt::format("{} Errors: {}", last, with_commas(progress.errors)));

  std::vector<std::string> more;
  if (generation) {
    const std::string target =
        s.rate.target ? rate_text(*s.rate.target) + "/s wanted" : "as fast as it goes";
    more.push_back(fmt::format("offered {}/s ({}), achieved {}/s", rate_text(s.rate.offered),
                               target, rate_text(s.rate.achieved)));
    more.push_back(unconfirmed(s)
                       ? fmt::format("written, unconfirmed {}", with_commas(s.counters.written))
                       : fmt::format("acknowledged {}  failed {}  unknown {}",
                                     with_commas(s.counters.acknowledged),
                                     with_commas(s.counters.failed),
                                     with_commas(s.counters.unknown)));
  }
  for (std::string& line : latency_table(s)) more.push_back(std::move(line));
  if (s.clock.differ) more.push_back("clocks differ: " + s.clock.text);
  if (s.stored > 0 || !generation)
    more.push_back(fmt::format("stored {}  lag {} records, {:.1f} s", with_commas(s.stored),
                               with_commas(s.lag.records), s.lag.seconds));
  if (s.broker.held) more.push_back("the broker slows the storm: nothing unread is dropped");
  if (!s.balance.text.empty()) more.push_back("ledger: " + s.balance.text);
  more.push_back(fmt::format("CPU {:.2f} cores  memory {}", s.cpu_cores,
                             human_bytes(static_cast<double>(s.rss_bytes))));
  if (size.rows >= static_cast<int>(lines.size() + more.size()) + 2) {
    lines.emplace_back();
    lines.insert(lines.end(), more.begin(), more.end());
  }

  std::string screen;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string line = cut_to(lines[i], size.columns);
    screen += i == 0 && size.color ? fmt::format("\x1b[1m{}\x1b[0m\n", line) : line + "\n";
  }
  return screen;
}

std::string render_line(const Snapshot& s, ScreenTitle title) {
  Progress progress = progress_of(s, title);
  std::string_view word = title == ScreenTitle::kIngestion ? "stored" : "acknowledged";
  if (title == ScreenTitle::kGeneration && unconfirmed(s)) {
    progress.done = s.counters.written;
    word = "written, unconfirmed";
  }
  std::string line =
      fmt::format("{} {} {}", hours_minutes_seconds(s.elapsed_s), word, with_commas(progress.done));
  if (progress.wanted != 0)
    line += fmt::format(
        " of {} ({:.2f}%)", with_commas(progress.wanted),
        100.0 * static_cast<double>(progress.done) / static_cast<double>(progress.wanted));
  line += fmt::format(", {}/s now, {}/s average", rate_text(s.rate.achieved),
                      rate_text(s.rate.average));
  if (title == ScreenTitle::kGeneration && s.stored > 0)
    line += fmt::format(", stored {}", with_commas(s.stored));
  if (title == ScreenTitle::kIngestion || s.stored > 0)
    line += fmt::format(", lag {}", with_commas(s.lag.records));
  return line + fmt::format(", errors {}\n", with_commas(progress.errors));
}

std::string render_account(const Snapshot& s, ScreenTitle title) {
  std::string text;
  const auto row = [&](std::string_view name, std::uint64_t value) {
    text += fmt::format("  {:<21}{:>13}\n", name, with_commas(value));
  };
  text += fmt::format("Account of {}\n", s.run.empty() ? "this consumer" : "run " + s.run);
  if (title == ScreenTitle::kGeneration) {
    row("scheduled", s.counters.scheduled);
    row("enqueued", s.counters.enqueued);
    row(unconfirmed(s) ? "written, unconfirmed" : "written", s.counters.written);
    row("acknowledged", s.counters.acknowledged);
    row("failed", s.counters.failed);
    row("unknown", s.counters.unknown);
  }
  if (title == ScreenTitle::kIngestion || s.stored > 0) row("stored", s.stored);
  if (s.retired > 0) row("retired", s.retired);
  if (!s.clock.text.empty())
    text += fmt::format("Note: {}{}\n", s.clock.differ ? "clocks differ: " : "", s.clock.text);
  if (!s.balance.text.empty()) text += fmt::format("Ledger: {}\n", s.balance.text);
  return text;
}

}  // namespace ds
