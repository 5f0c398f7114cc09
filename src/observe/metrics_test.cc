#include "observe/metrics.h"

#include <gtest/gtest.h>

#include <string>

namespace ds {
namespace {

TEST(Metrics, TellWhatTheSnapshotSays) {
  Snapshot s;
  s.counters.acknowledged = 12;
  s.stored = 9;
  s.sentiment = {.positive = 5, .negative = 3, .neutral = 1};
  s.lag.records = 3;
  s.balance.ok = false;
  const std::string text = prometheus_text(s);
  for (const char* line :
       {"datastorm_records_total{state=\"acknowledged\"} 12\n",
        "datastorm_records_total{state=\"stored\"} 9\n",
        "datastorm_tweets_stored_total{sentiment=\"negative\"} 3\n", "datastorm_lag_records 3\n",
        "# TYPE datastorm_ledger_balanced gauge\n", "datastorm_ledger_balanced 0\n"})
    EXPECT_NE(text.find(line), std::string::npos) << line << "\nis not in\n" << text;
  s.balance.ok = true;
  EXPECT_NE(prometheus_text(s).find("datastorm_ledger_balanced 1\n"), std::string::npos);
}

}  // namespace
}  // namespace ds
