// A report's files in a folder.
//
//   report.html      all of it on one page          report.json      the same for programs
//   throughput.csv, delays.csv, values.csv, producers.csv
//   throughput.png, .svg, …                         the plots
//   report.log       what was read and written, with the run's id
#pragma once

#include <string>
#include <vector>

#include "net/files.h"
#include "report/report.h"

namespace ds {

/// Makes the folder; what was there under these names is replaced, each file at once. Returns the
/// names of the files.
Result<std::vector<std::string>> write_report(Files& files, const std::string& folder,
                                              const Report& report);

}  // namespace ds
