#include "report/report.h"

#include <fmt/chrono.h>

#include <algorithm>
#include <cmath>
#include <ctime>

namespace ds {

std::string shown_ms(std::int64_t since_1970_ms) {
  constexpr std::int64_t kLast = 253'402'300'799'000;  // the year 9999
  if (since_1970_ms < 0 || since_1970_ms > kLast) return fmt::format("{} ms", since_1970_ms);
  const std::time_t at = since_1970_ms / 1000;
  std::tm utc{};
  gmtime_r(&at, &utc);
  return fmt::format("{:%Y-%m-%d %H:%M:%S}.{:03}Z", utc, since_1970_ms % 1000);
}

std::string sentence_of(const ProducerRow& row) {
  return row.first_sent ? fmt::format("PRODUCER {}. First sent at {}, loss {} packet(s)", row.id,
                                      shown_ms(*row.first_sent), row.loss)
                        : fmt::format("PRODUCER {}. Nothing of it is stored, loss {} packet(s)",
                                      row.id, row.loss);
}

std::vector<Figure> figures_of(const Report& report) {
  using enum Figure::Unit;
  using enum Figure::Better;
  std::vector<Figure> figures{{"sent", static_cast<double>(report.sent)},
                              {"stored", static_cast<double>(report.stored)},
                              {"loss", static_cast<double>(report.loss), kCount, kLess},
                              {"loss_share", report.loss_share(), kShare, kLess},
                              {"repeated", static_cast<double>(report.repeated), kCount, kLess},
                              {"producers", static_cast<double>(report.producers.size())}};
  if (!report.rates.empty()) {
    const Summary& rate = report.rates.back().per_second;
    figures.push_back({"rate", rate.mean, kRate, kMore});
    figures.push_back({"rate_min", rate.min, kRate, kMore});
    figures.push_back({"rate_sd", rate.sd, kRate, kLess});
  }
  if (report.curves) {
    figures.push_back({"offered", static_cast<double>(report.curves->offered)});
    figures.push_back({"achieved", static_cast<double>(report.curves->achieved)});
    const double off = report.curves->off_percent(report.curves->achieved) / 100;
    figures.push_back({"curve_off", std::abs(off), kShare, kLess});
  }
  if (report.spacing && report.spacing->near)
    figures.push_back({"spacing_near", *report.spacing->near, kShare, kMore});
  if (!report.delays.empty()) {
    const StageDelay& delay = report.delays.front();
    for (const auto& [name, ms] : {std::pair("mean", delay.mean_ms),
                                   {"sd", delay.sd_ms},
                                   {"p50", delay.p50_ms},
                                   {"p90", delay.p90_ms},
                                   {"p99", delay.p99_ms},
                                   {"p999", delay.p999_ms},
                                   {"max", delay.max_ms}})
      figures.push_back({name, ms, kMs, kLess});
  }
  if (report.fit && report.fit->ks_p) figures.push_back({"ks_p", *report.fit->ks_p, kShare});
  if (report.fit && report.fit->chi_p) figures.push_back({"chi_p", *report.fit->chi_p, kShare});
  return figures;
}

}  // namespace ds
