#include "storm/pooled_filler.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>

#include "base/random.h"
#include "base/varint.h"
#include "kafka/wire/record_batch.h"
#include "record/identity.h"

namespace ds {
namespace {

constexpr std::string_view kIdHeader = "ds-id";
// attributes, timestamp delta (10), offset delta (at most 5), null key, value length (5), one
// header: its count, the key with its length, the value's length, the id.
constexpr std::size_t kAroundValueMax = 1 + 10 + 5 + 1 + 5 + 1 + 1 + kIdHeader.size() + 1 + 16;

std::uint8_t* put_bytes(std::uint8_t* to, const void* from, std::size_t n) {
  std::memcpy(to, from, n);
  return to + n;
}

}  // namespace

ValuePool random_values(std::size_t size, double compressible, std::size_t count,
                        std::uint64_t seed) {
  auto values = std::make_shared<std::vector<ByteVec>>(count);
  Random random(seed);
  for (ByteVec& value : *values) {
    value.assign(size, 'x');
    for (std::uint8_t& byte : value)
      if (random.unit() >= compressible) byte = static_cast<std::uint8_t>(random());
  }
  return values;
}

Result<ValuePool> file_values(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file)
    return Error{.code = ErrorCode::kUsage, .message = fmt::format("{} cannot be read", path)};
  auto values = std::make_shared<std::vector<ByteVec>>();
  for (std::string line; std::getline(file, line);) {
    const ByteView bytes = as_bytes(line);
    if (!bytes.empty()) values->emplace_back(bytes.begin(), bytes.end());
  }
  if (values->empty())
    return Error{.code = ErrorCode::kUsage, .message = fmt::format("{} has no line", path)};
  return ValuePool(std::move(values));
}

PooledFiller::PooledFiller(const PooledFillerSettings& settings, ValuePool values)
    : settings_(settings), values_(std::move(values)) {
  for (const ByteVec& value : *values_) contents_.push_back(content_hash(value));
}

Filled PooledFiller::fill(const FillRequest& request, ByteSpan into) {
  std::uint8_t* at = into.data() + kafka::kBatchHeaderBytes;
  std::uint8_t* const end = into.data() + into.size();
  const auto stream = static_cast<std::uint32_t>(request.batch % settings_.streams);
  const std::uint64_t first_sequence =
      request.batch / settings_.streams * settings_.batch_size + request.first;
  const std::uint64_t first_record = request.batch * settings_.batch_size + request.first;

  std::uint64_t time = time_hash(request.timestamp_ms);
  std::uint32_t made = 0;
  sum_ = {};
  std::int64_t newest_ms = request.timestamp_ms;
  for (; made < request.count; ++made) {
    const auto pick = random_at(settings_.seed, first_record + made) % values_->size();
    const ByteVec& value = (*values_)[pick];
    if (static_cast<std::size_t>(end - at) < value.size() + kAroundValueMax + 5) break;
    const std::int64_t later_ms =
        request.each == nullptr ? 0 : request.each->wall_ms() - request.timestamp_ms;
    newest_ms = std::max(newest_ms, request.timestamp_ms + later_ms);
    if (request.each != nullptr) time = time_hash(request.timestamp_ms + later_ms);
    const std::size_t body = 1 + varint_size(zigzag(later_ms)) + varint_size(zigzag(made)) + 1 +
                             varint_size(zigzag(static_cast<std::int64_t>(value.size()))) +
                             value.size() + 1 + 1 + kIdHeader.size() + 1 + 16;
    at = put_zigzag(at, static_cast<std::int64_t>(body));
    *at++ = 0;  // attributes
    at = put_zigzag(at, later_ms);
    at = put_zigzag(at, made);
    at = put_zigzag(at, -1);  // no key
    at = put_zigzag(at, static_cast<std::int64_t>(value.size()));
    at = put_bytes(at, value.data(), value.size());
    at = put_zigzag(at, 1);
    at = put_zigzag(at, static_cast<std::int64_t>(kIdHeader.size()));
    at = put_bytes(at, kIdHeader.data(), kIdHeader.size());
    at = put_zigzag(at, 16);
    const auto id = to_binary(RecordId{settings_.run, stream, first_sequence + made});
    at = put_bytes(at, id.data(), id.size());
    sum_.add({1, record_hash(contents_[pick], time, first_sequence + made)});
  }

  const auto size = static_cast<std::size_t>(at - into.data());
  kafka::BatchHeader header;
  header.length = static_cast<std::int32_t>(size - kafka::kBatchLengthEnd);
  header.last_offset_delta = static_cast<std::int32_t>(made) - 1;
  header.base_timestamp = request.timestamp_ms;
  header.max_timestamp = newest_ms;
  header.producer_id = request.stamp.producer_id;
  header.producer_epoch = request.stamp.producer_epoch;
  header.base_sequence = request.stamp.base_sequence;
  header.record_count = static_cast<std::int32_t>(made);
  header.write(into.data());
  kafka::seal(into.first(size));
  return {.bytes = static_cast<std::uint32_t>(size),
          .records = made,
          .by_sentiment = {},
          .kinds = {&sum_, 1}};
}

}  // namespace ds
