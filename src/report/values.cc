#include "report/values.h"

#include <algorithm>

namespace ds {

Summary ValueSample::summary() const {
  std::vector<double> values;
  values.reserve(sample_.size());
  for (const SampledValue& each : sample_) values.push_back(each.value);
  std::ranges::sort(values);
  return {.count = moments_.count(),
          .mean = moments_.mean(),
          .sd = moments_.sd(),
          .min = moments_.min(),
          .q1 = quantile_of(values, 0.25),
          .median = quantile_of(values, 0.5),
          .q3 = quantile_of(values, 0.75),
          .max = moments_.max()};
}

}  // namespace ds
