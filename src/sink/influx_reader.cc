#include "sink/influx_reader.h"

#include "base/whole_number.h"
#include "sink/influx_lines.h"

namespace ds {
namespace {

// After the columns that every answer has: the series' name, its tags, the time.
enum Column : std::size_t { kName, kTags, kTime, kId, kText, kBrand, kSentiment, kCount, kColumns };
constexpr std::string_view kPoints =
    R"(select "id","text","brand","sentiment","count" from "tweets")";
constexpr std::string_view kHowMany = R"(select count("count") from "tweets")";

std::int64_t floor_divided(std::int64_t value, std::int64_t by) {
  return value / by - (value % by < 0 ? 1 : 0);
}

}  // namespace

Result<std::unique_ptr<InfluxReader>> InfluxReader::open(InfluxApi api, std::string url,
                                                         const SinkSettings& settings) {
  auto server = InfluxServer::from(api, std::move(url), settings);
  if (!server) return std::move(server).error();
  auto reader =
      std::unique_ptr<InfluxReader>(new InfluxReader(std::move(*server), settings.influx_bucket));
  // A bucket that is not there answers like one that is empty.
  const auto points = reader->count_points();
  if (!points) return points.error();
  if (*points == 0)
    return Error{.code = ErrorCode::kUsage,
                 .message = fmt::format("{} holds no tweets, or is not there", reader->stage()),
                 .hint = "check --influx-bucket (1.x: the database) and --influx-org"};
  return reader;
}

Result<std::uint64_t> InfluxReader::count_points() const {
  std::uint64_t points = 0;
  const auto asked = ask_influx(server_, server_.query_url(bucket_, kHowMany), nullptr,
                                [&](const CsvReader::Row& row) {
                                  if (const auto count = whole_number<std::int64_t>(row.back()))
                                    points = static_cast<std::uint64_t>(*count);
                                  return true;
                                });
  if (!asked) return asked.error();
  return points;
}

Status InfluxReader::read(StageVisitor& visitor) {
  // A question that fails in the middle ends its answer, and says nothing.
  const auto before = count_points();
  if (!before) return before.error();
  named_ = rolled_ = 0;
  std::string odd;
  const auto asked = ask_influx(
      server_, server_.query_url(bucket_, kPoints), nullptr, [&](const CsvReader::Row& row) {
        if (row[kName] == "name") return true;  // a header
        const auto time =
            row.size() == kColumns ? whole_number<std::int64_t>(row[kTime]) : std::nullopt;
        if (!time) {
          odd = row.back();
          return false;
        }
        const std::int64_t ms = floor_divided(*time, PointTimes::kPerMillisecond);
        if (!row[kId].empty()) {
          ++named_;
          visitor.tweet({.tweet_id = row[kId],
                         .timestamp = ms,
                         .text = row[kText],
                         .brand = row[kBrand],
                         .sentiment = row[kSentiment]});
        } else if (const auto count = whole_number<std::int64_t>(row[kCount])) {
          ++rolled_;
          visitor.rollup(second_of(ms), row[kBrand], row[kSentiment],
                         static_cast<std::uint64_t>(*count));
        } else {
          visitor.foreign(1);
        }
        return true;
      });
  if (!asked) return asked;
  if (!odd.empty())
    return Error{.code = ErrorCode::kProtocol,
                 .message = fmt::format("{} said: {}", server_.url, odd)};
  if (named_ + rolled_ < *before)
    return Error{
        .code = ErrorCode::kTimeout,
        .message = fmt::format("{} gave {} points of {}", stage(), named_ + rolled_, *before),
        .hint = "see its log: a question has limits of time and memory there"};
  return Done{};
}

}  // namespace ds
