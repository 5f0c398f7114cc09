#include "sink/influx_server.h"

#include <gtest/gtest.h>

namespace ds {
namespace {

/// Fed in pieces of every size, as a network would.
TEST(CsvReader, SplitsWhatComesInPieces) {
  const std::string text = "name,tags,time\r\nt,,1\n\n\"a, \"\"b\"\"\nc\",\"\",é\n,,\nnot ended";
  const std::vector<CsvReader::Row> wanted = {
      {"name", "tags", "time"}, {"t", "", "1"}, {"a, \"b\"\nc", "", "é"}, {"", "", ""}};
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    std::vector<CsvReader::Row> rows;
    CsvReader csv([&](const CsvReader::Row& row) {
      rows.push_back(row);
      return true;
    });
    for (std::size_t at = 0; at < text.size(); at += piece)
      EXPECT_TRUE(csv.feed(std::string_view(text).substr(at, piece)));
    EXPECT_EQ(rows, wanted) << "in pieces of " << piece;
  }
}

TEST(CsvReader, StopsWhenItIsTold) {
  int rows = 0;
  CsvReader csv([&](const CsvReader::Row&) { return ++rows < 2; });
  EXPECT_FALSE(csv.feed("a\nb\nc\n"));
  EXPECT_EQ(rows, 2);
}

TEST(InfluxServer, RefusesWhatIsNoAddress) {
  EXPECT_EQ(InfluxServer::from(InfluxApi::kV2, "localhost:8086", {}).error().code,
            ErrorCode::kUsage);
  const auto server = InfluxServer::from(InfluxApi::kV1, "http://h:8086//", {});
  ASSERT_TRUE(server.ok());
  EXPECT_EQ(server->write_url("a b"), "http://h:8086/write?db=a%20b&precision=ns");
}

}  // namespace
}  // namespace ds
