// --junit FILE: the goal of a command and its limits as test cases, as CI systems read them.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cli/limits.h"

namespace ds::cli {

struct JunitReport {
  std::string file;        // empty: nobody asked
  std::string_view suite;  // "datastorm produce"
  double seconds = 0;      // how long it ran
  std::string goal;        // "every record is acknowledged"; empty: it has none
  bool reached = false;    // the goal
  std::string why;         // it was not
};

std::string junit_xml(const JunitReport& report, const std::vector<Limit>& limits,
                      const std::map<std::string, double>& figures);

/// Says which limits were missed (report_limits()) and writes the file when there is one; true when
/// all hold and it could be written.
bool judge(const JunitReport& report, const std::vector<Limit>& limits,
           const std::map<std::string, double>& figures);

}  // namespace ds::cli
