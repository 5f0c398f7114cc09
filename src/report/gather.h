// One pass over a store's rows, and the report that they add up to.
//
// Whatever is counted is bounded: intervals, gaps, delays and the sample of values each have a most
// (their headers say which), and past it they become coarser, not more. What is wrong with a store,
// or was left out, is a note of the report and not silence.
#pragma once

#include <string>

#include "base/clock.h"
#include "report/report.h"
#include "sink/stored_rows.h"

namespace ds {

struct ReportSettings {
  std::string topic;           // empty: the one whose rows came last
  std::string run = "latest";  // or its twelve hex digits
  Nanos interval = kSecond;
  std::optional<Distribution> distribution = {};  // of values, where no claim says it
  std::string version;
  std::int64_t now_ms = 0;
};

/// `claims`: of the store or of the cluster; may be empty.
Result<Report> make_report(RowReader& rows, const ClaimBook& claims,
                           const ReportSettings& settings);

}  // namespace ds
