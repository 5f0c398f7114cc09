// A real store with the rows that a test says.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "report/gather.h"
#include "sink/sqlite_store.h"

namespace ds {

class StoreForTest {
 public:
  StoreForTest() {
    std::string name = (std::filesystem::temp_directory_path() / "report-XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~StoreForTest() { std::filesystem::remove_all(folder_); }

  std::string folder() const { return folder_; }
  std::string path() const { return folder_ + "/store.db"; }

  void add_readings(const std::vector<StoredRow>& rows, const std::string& topic = "readings") {
    auto db = open_store(path());
    ASSERT_TRUE(db) << db.error().message;
    auto insert = db->prepare("insert into readings values(?1, 0, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
    ASSERT_TRUE(insert);
    auto transaction = sqlite::Transaction::begin(*db);
    ASSERT_TRUE(transaction);
    for (const StoredRow& row : rows) {
      insert->bind(1, topic).bind(2, next_++).bind(3, row.kafka_ms).bind(4, row.db_ms);
      insert->bind(5, row.value).bind(6, row.made_ms).bind(7, row.producer).bind(8, row.sequence);
      ASSERT_TRUE(db->run(*insert)) << db->error().message;
    }
    ASSERT_TRUE(transaction->commit());
  }
  void claim(const RunClaim& run, const std::vector<StreamClaim>& streams) {
    auto table = RunsTable::open(path());
    ASSERT_TRUE(table);
    ASSERT_TRUE(table->put(to_records(run, {.streams = streams, .windows = {}, .gone = {}}), 1));
  }
  Result<Report> report(const ReportSettings& settings = {}) {
    auto rows = open_sqlite_rows(path());
    if (!rows) return std::move(rows).error();
    auto claims = (*rows)->claims();
    if (!claims) return std::move(claims).error();
    return make_report(**rows, *claims, settings);
  }

 private:
  std::string folder_;
  std::int64_t next_ = 0;
};

}  // namespace ds
