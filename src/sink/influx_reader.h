// Reading InfluxDB back, for verify: by InfluxQL, which 1.x and 2.x answer alike, row by row.
#pragma once

#include "ledger/stage.h"
#include "sink/influx_server.h"

namespace ds {

/// Threads: one. Cost: some 200,000 points a second; memory for one row.
class InfluxReader final : public StageReader {
 public:
  /// Refuses a server that cannot be asked, or has no such bucket.
  static Result<std::unique_ptr<InfluxReader>> open(InfluxApi api, std::string url,
                                                    const SinkSettings& settings);

  std::string stage() const override {
    return fmt::format("influx {}, bucket {}", server_.url, bucket_);
  }
  Status read(StageVisitor& visitor) override;
  /// Points lie in the order of their times.
  bool keeps_order() const override { return false; }
  bool names_records() const override { return named_ > 0 || rolled_ == 0; }

 private:
  InfluxReader(InfluxServer server, std::string bucket)
      : server_(std::move(server)), bucket_(std::move(bucket)) {}
  Result<std::uint64_t> count_points() const;

  const InfluxServer server_;
  const std::string bucket_;
  std::uint64_t named_ = 0, rolled_ = 0;  // points read
};

}  // namespace ds
