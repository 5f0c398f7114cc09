#include "cli/junit.h"

#include <fmt/format.h>

#include <fstream>

#include "base/markup.h"

namespace ds::cli {
namespace {

std::string test_case(std::string_view suite, std::string_view name,
                      const std::optional<std::string>& failure) {
  const std::string open = fmt::format(R"(    <testcase classname="{}" name="{}")",
                                       escape_markup(suite), escape_markup(name));
  if (!failure) return open + "/>\n";
  return fmt::format("{}>\n      <failure message=\"{}\"/>\n    </testcase>\n", open,
                     escape_markup(*failure));
}

}  // namespace

std::string junit_xml(const JunitReport& report, const std::vector<Limit>& limits,
                      const std::map<std::string, double>& figures) {
  std::string cases;
  std::size_t tests = limits.size(), failures = 0;
  const auto add = [&](std::string_view name, const std::optional<std::string>& failure) {
    cases += test_case(report.suite, name, failure);
    failures += failure.has_value();
  };
  if (!report.goal.empty()) {
    ++tests;
    add(report.goal, report.reached ? std::nullopt : std::optional(report.why));
  }
  for (const Limit& limit : limits) add(limit.text, missed(limit, figures));
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n"
      "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"0\" "
      "time=\"{:.3f}\">\n{}  </testsuite>\n</testsuites>\n",
      escape_markup(report.suite), tests, failures, report.seconds, cases);
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
