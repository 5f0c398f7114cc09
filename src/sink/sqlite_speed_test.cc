#include "sink/sqlite_speed.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

namespace ds {
namespace {

TEST(SqliteBench, MeasuresTheSameRowsOnBothSides) {
  std::string name = (std::filesystem::temp_directory_path() / "bench-XXXXXX").string();
  const std::filesystem::path folder = mkdtemp(name.data());
  SystemClock clock;
  NoLog log;
  const char* rows = std::getenv("BENCH_ROWS");  // for a look at the figures
  const auto bench =
      bench_sqlite(folder.string(), rows != nullptr ? std::stoull(rows) : 20'000, clock, log);
  std::filesystem::remove_all(folder);
  ASSERT_TRUE(bench.ok()) << bench.error().message;
  EXPECT_EQ(bench->rows % 8000, 0u);
  EXPECT_GT(bench->bare_rows_s, 0);
  EXPECT_GT(bench->sink_rows_s, 0);
  EXPECT_GT(bench->rollup_rows_s, 0);
  EXPECT_GT(bench->read_rows_s, 0);
  fmt::print(
      "{} rows of {:.0f} B: bare {:.0f}/s, sink {:.0f}/s ({:.2f}), rollup {:.0f}/s, read "
      "{:.0f}/s\n",
      bench->rows, bench->row_bytes, bench->bare_rows_s, bench->sink_rows_s, bench->ratio(),
      bench->rollup_rows_s, bench->read_rows_s);
}

}  // namespace
}  // namespace ds
