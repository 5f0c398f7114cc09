// A recorded load, to be played again: what a file says of how much came when.
//
// Two columns, with a comma or blanks between them: a time in seconds and the records a second from
// then on; the last line says when it ends. The first line may name the columns, and lines that
// begin with # are passed over:
//
//   seconds,rate
//   0,1200
//   1,1850.5
//   2.5,0
//
// One column: the instant of each arrival, in seconds. Times count from the first line's, so that
// those of a log (since 1970) will do.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace ds {

struct TraceStep {
  double seconds = 0;  // how long
  double rate = 0;
};

/// What is wrong with the file is told with its line.
Result<std::vector<TraceStep>> read_trace(const std::string& path);

}  // namespace ds
