#include "sink/sqlite_store.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace ds {
namespace {

/// A writer that was killed in the middle of a transaction leaves the file half changed and a
/// journal that says what was there before. Who may only read cannot play it back.
TEST(SqliteStore, IsReadAfterItsWriterWasKilledBeforeTheLogWasMade) {
  std::string name = (std::filesystem::temp_directory_path() / "store-XXXXXX").string();
  const std::filesystem::path folder = mkdtemp(name.data());
  const std::string live = folder / "live.db", left = folder / "left.db";
  {
    auto db = open_store(live);
    ASSERT_TRUE(db.ok()) << db.error().message;
    ASSERT_TRUE(db->exec("pragma journal_mode=delete").ok());
    ASSERT_TRUE(db->exec("pragma cache_size=10; begin immediate; insert into runs "
                         "with recursive n(i) as (values(1) union all select i+1 from n where "
                         "i<5000) select 'key/' || i, hex(randomblob(200)), 1 from n")
                    .ok());
    ASSERT_TRUE(std::filesystem::exists(live + "-journal")) << "pages were spilled";
    std::filesystem::copy_file(live, left);
    std::filesystem::copy_file(live + "-journal", left + "-journal");
  }
  {
    auto reader = sqlite::Database::open(left, sqlite::Database::Mode::kRead);
    ASSERT_TRUE(reader.ok());
    EXPECT_FALSE(reader->number("select count(*) from runs").ok()) << "the case is the one meant";
    EXPECT_TRUE(reader->needs_playback());
  }
  auto db = open_store_for_reading(left);
  ASSERT_TRUE(db.ok()) << db.error().message;
  const auto rows = db->number("select count(*) from runs");
  ASSERT_TRUE(rows.ok()) << rows.error().message;
  EXPECT_EQ(*rows, 0) << "what was not committed is not there";
  EXPECT_FALSE(std::filesystem::exists(left + "-journal"));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace ds
