// What a report's page is made of: its style and its script (uPlot within), embedded at build time.
#pragma once

#include "web_assets.h"

namespace ds::report_assets {

/// "/report.css" and "/report.js". The script is missing where the dashboard was not built: the
/// page then shows its plots as pictures.
std::span<const web_assets::Asset> all();

}  // namespace ds::report_assets
