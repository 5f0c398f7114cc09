// The same snapshot as Prometheus text (exposition format 0.0.4).
#pragma once

#include <string>
#include <string_view>

#include "observe/snapshot.h"

namespace ds {

constexpr std::string_view kPrometheusType = "text/plain; version=0.0.4; charset=utf-8";

std::string prometheus_text(const Snapshot& snapshot);

}  // namespace ds
