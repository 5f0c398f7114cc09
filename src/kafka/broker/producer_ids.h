// Producer ids for idempotent producers: never the same twice, over restarts too.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "base/result.h"
#include "net/files.h"

namespace ds::kafka::broker {

/// Threads: any. Ids are set aside in the data folder a thousand at a time.
class ProducerIds {
 public:
  static Result<std::unique_ptr<ProducerIds>> open(Files& files, const std::string& data_dir);
  Result<std::int64_t> next();

 private:
  static constexpr std::int64_t kBlock = 1000;
  ProducerIds(Files& files, std::string path) : files_(files), path_(std::move(path)) {}

  Files& files_;
  std::string path_;
  std::mutex mutex_;
  std::int64_t next_ = 0;
  std::int64_t block_end_ = 0;
};

}  // namespace ds::kafka::broker
