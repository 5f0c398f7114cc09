#include "cli/junit.h"

#include <fmt/format.h>

#include <fstream>

namespace ds::cli {
namespace {

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  }
  return out;
}

std::string test_case(std::string_view suite, std::string_view name, const std::string& failure) {
  const std::string open =
      fmt::format(R"(  <testcase classname="{}" name="{}")", escaped(suite), escaped(name));
  if (failure.empty()) return open + "/>\n";
  return fmt::format("{}>\n    <failure message=\"{}\"/>\n  </testcase>\n", open, escaped(failure));
}

/// Why it does not hold; empty when it does.
std::string missed(const Limit& limit, const std::map<std::string, double>& figures) {
  const auto figure = figures.find(limit.figure);
  if (figure == figures.end()) return fmt::format("there is no figure '{}' here", limit.figure);
  return holds(limit, figure->second) ? "" : fmt::format("it was {}", figure->second);
}

}  // namespace

std::string junit_xml(const JunitReport& report, const std::vector<Limit>& limits,
                      const std::map<std::string, double>& figures) {
  std::string cases =
      test_case(report.suite, report.goal,
                report.reached ? "" : (report.why.empty() ? "not reached" : report.why));
  std::size_t failures = report.reached ? 0 : 1;
  for (const Limit& limit : limits) {
    const std::string why = missed(limit, figures);
    failures += !why.empty();
    cases += test_case(report.suite, limit.text, why);
  }
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"0\" "
      "time=\"{:.3f}\">\n{}</testsuite>\n",
      escaped(report.suite), limits.size() + 1, failures, report.seconds, cases);
}

bool judge(const JunitReport& report, const std::vector<Limit>& limits,
           const std::map<std::string, double>& figures) {
  const bool held = report_limits(limits, figures);
  if (report.file.empty()) return held;
  std::ofstream file(report.file);
  if (file << junit_xml(report, limits, figures) << std::flush) return held;
  fmt::print(stderr, "datastorm: {} could not be written (--junit)\n", report.file);
  return false;
}

}  // namespace ds::cli
