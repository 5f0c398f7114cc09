// Reading MongoDB back, for verify: tweets and other payloads by partition and offset, sorted by
// the server; readings as they come.
#pragma once

#include "ledger/stage.h"
#include "sink/mongo_client.h"

namespace ds {

/// Threads: one.
/// Cost:    the server (MongoDB 4.4 or later) sorts all documents, on its disk if they are many; an
///          index on {topic, partition, offset} spares it that.
class MongoReader final : public StageReader {
 public:
  static Result<std::unique_ptr<MongoReader>> open(const std::string& url,
                                                   const SinkSettings& settings);

  std::string stage() const override {
    return fmt::format("mongo {}, database {}", client_.name(), client_.database());
  }
  Status read(StageVisitor& visitor) override;
  bool keeps_tombstones_in_place() const override { return false; }
  bool names_records() const override { return named_ > 0 || rolled_ == 0; }

 private:
  explicit MongoReader(MongoClient client) : client_(std::move(client)) {}
  template <typename Each>
  Status each(const char* collection, bool sorted, Each&& tell);

  MongoClient client_;
  std::uint64_t named_ = 0, rolled_ = 0;  // documents read
};

}  // namespace ds
