#include "kafka/broker/producer_ids.h"

#include <charconv>

namespace ds::kafka::broker {

Result<std::unique_ptr<ProducerIds>> ProducerIds::open(Files& files, const std::string& data_dir) {
  std::unique_ptr<ProducerIds> ids(new ProducerIds(files, data_dir + "/producers"));
  auto exists = files.exists(ids->path_);
  if (!exists) return std::move(exists).error();
  if (!*exists) return ids;
  auto text = read_file(files, ids->path_);
  if (!text) return std::move(text).error();
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), ids->next_);
  if (error != std::errc() || end == text->data() + text->size() || *end != '\n')
    return Error{.code = ErrorCode::kCorrupt, .message = ids->path_ + " holds no producer id"};
  ids->block_end_ = ids->next_;
  return ids;
}

Result<std::int64_t> ProducerIds::next() {
  const std::lock_guard lock(mutex_);
  if (next_ == block_end_) {
    auto written = replace_file(files_, path_, fmt::format("{}\n", block_end_ + kBlock));
    if (!written) return std::move(written).error();
    block_end_ += kBlock;
  }
  return next_++;
}

}  // namespace ds::kafka::broker
