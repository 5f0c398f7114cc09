// The report as one self-contained page.
#pragma once

#include <string>

#include "base/result.h"
#include "report/chart.h"

namespace ds {

Result<std::string> page_of(const Report& report, const std::vector<Chart>& charts);

}  // namespace ds
