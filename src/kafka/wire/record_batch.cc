#include "kafka/wire/record_batch.h"

#include "base/varint.h"
#include "kafka/wire/crc32c.h"

namespace ds::kafka {
namespace {

Error corrupt(std::string message) {
  return Error{.code = ErrorCode::kCorrupt, .message = std::move(message)};
}

/// A varint length of -1 (null) or more, and that many bytes. False when they are not there.
bool take_nullable(ByteView& from, std::optional<ByteView>& bytes) {
  const auto length = take_zigzag(from);
  if (!length || *length < -1) return false;
  bytes.reset();
  if (*length == -1) return true;
  if (static_cast<std::uint64_t>(*length) > from.size()) return false;
  bytes = from.first(static_cast<std::size_t>(*length));
  from = from.subspan(static_cast<std::size_t>(*length));
  return true;
}

bool take_header(ByteView& from, HeaderView& header) {
  std::optional<ByteView> key;
  if (!take_nullable(from, key) || !key) return false;
  header.key = as_text(*key);
  return take_nullable(from, header.value);
}

void put_zigzag(ByteVec& out, std::int64_t value) {
  std::uint8_t bytes[kVarintBytesMax];
  out.insert(out.end(), bytes, put_varint(bytes, zigzag(value)));
}

void put_nullable(ByteVec& out, const std::optional<ByteView>& bytes) {
  put_zigzag(out, bytes ? static_cast<std::int64_t>(bytes->size()) : -1);
  if (bytes) out.insert(out.end(), bytes->begin(), bytes->end());
}

std::size_t nullable_size(const std::optional<ByteView>& bytes) {
  if (!bytes) return 1;
  return varint_size(zigzag(static_cast<std::int64_t>(bytes->size()))) + bytes->size();
}

}  // namespace

Result<BatchHeader> BatchHeader::read(ByteView bytes) {
  if (bytes.size() < kBatchHeaderBytes)
    return corrupt(
        fmt::format("a record batch of {} bytes, its header alone takes 61", bytes.size()));
  const std::uint8_t* at = bytes.data();
  const BatchHeader header{.base_offset = load_be<std::int64_t>(at),
                           .length = load_be<std::int32_t>(at + 8),
                           .leader_epoch = load_be<std::int32_t>(at + 12),
                           .magic = load_be<std::int8_t>(at + 16),
                           .crc = load_be<std::uint32_t>(at + 17),
                           .attributes = load_be<std::int16_t>(at + 21),
                           .last_offset_delta = load_be<std::int32_t>(at + 23),
                           .base_timestamp = load_be<std::int64_t>(at + 27),
                           .max_timestamp = load_be<std::int64_t>(at + 35),
                           .producer_id = load_be<std::int64_t>(at + 43),
                           .producer_epoch = load_be<std::int16_t>(at + 51),
                           .base_sequence = load_be<std::int32_t>(at + 53),
                           .record_count = load_be<std::int32_t>(at + 57)};
  if (header.magic != 2)
    return corrupt(fmt::format("a record batch of format {}, only 2 is read", header.magic));
  if (header.length < static_cast<std::int32_t>(kBatchHeaderBytes - kBatchLengthEnd))
    return corrupt(fmt::format("a record batch that claims the length {}", header.length));
  if ((header.attributes & 7) > 4)
    return corrupt(fmt::format("a record batch with the unknown codec {}", header.attributes & 7));
  return header;
}

void BatchHeader::write(std::uint8_t* to) const {
  store_be(to, base_offset);
  store_be(to + 8, length);
  store_be(to + 12, leader_epoch);
  store_be(to + 16, magic);
  store_be(to + 17, crc);
  store_be(to + 21, attributes);
  store_be(to + 23, last_offset_delta);
  store_be(to + 27, base_timestamp);
  store_be(to + 35, max_timestamp);
  store_be(to + 43, producer_id);
  store_be(to + 51, producer_epoch);
  store_be(to + 53, base_sequence);
  store_be(to + 57, record_count);
}

Status BatchHeader::verify(ByteView batch) const {
  if (batch.size() < size())
    return corrupt(fmt::format("a record batch of {} bytes, {} are there", size(), batch.size()));
  if (record_count < 0 || last_offset_delta < 0 || last_offset_delta < record_count - 1)
    return corrupt(fmt::format("a record batch of {} records whose last has the place {}",
                               record_count, last_offset_delta));
  const std::uint32_t found = crc32c(batch.first(size()).subspan(kBatchCrcFrom));
  if (found != crc)
    return corrupt(fmt::format("the record batch at offset {} has the checksum {:08x}, not {:08x}",
                               base_offset, found, crc));
  return Done{};
}

void assign_base_offset(ByteSpan batch, std::int64_t base_offset, std::int32_t leader_epoch) {
  check(batch.size() >= kBatchHeaderBytes, "a record batch without a header");
  store_be(batch.data(), base_offset);
  store_be(batch.data() + 12, leader_epoch);
}

void seal(ByteSpan batch) {
  check(batch.size() >= kBatchHeaderBytes, "a record batch without a header");
  store_be(batch.data() + kBatchCrcAt, crc32c(batch.subspan(kBatchCrcFrom)));
}

std::optional<HeaderView> HeaderReader::next() {
  HeaderView header;
  if (left_ <= 0 || !take_header(rest_, header)) return std::nullopt;
  --left_;
  return header;
}

std::optional<BatchView> BatchCursor::next() {
  if (!status_.ok() || rest_.size() < kBatchHeaderBytes) return std::nullopt;
  auto header = BatchHeader::read(rest_);
  if (!header) {
    status_ = std::move(header).error();
    return std::nullopt;
  }
  if (header->size() > rest_.size()) return std::nullopt;
  const BatchView batch{*header, rest_.first(header->size())};
  rest_ = rest_.subspan(header->size());
  return batch;
}

RecordReader::RecordReader(const BatchView& batch, ByteVec& scratch, std::size_t plain_bytes_max)
    : header_(batch.header), rest_(batch.payload()) {
  if (header_.codec() == Compression::kNone) return;
  scratch.clear();
  status_ = decompress(header_.codec(), rest_, plain_bytes_max, scratch);
  rest_ = scratch;
}

bool RecordReader::fail(std::string_view what) {
  status_ = corrupt(
      fmt::format("record {} of the batch at offset {} {}", read_, header_.base_offset, what));
  return false;
}

std::optional<RecordView> RecordReader::next() {
  std::optional<RecordView> record(std::in_place);
  if (!next(*record)) record.reset();
  return record;
}

bool RecordReader::next_of_any_shape(RecordView& record) {
  if (!status_.ok()) return false;
  if (read_ >= header_.record_count) {
    if (!rest_.empty()) return fail("is not the last: bytes follow it");
    return false;
  }
  const auto length = take_zigzag(rest_);
  if (!length || *length < 0 || static_cast<std::uint64_t>(*length) > rest_.size())
    return fail("is longer than what is left");
  ByteView body = rest_.first(static_cast<std::size_t>(*length));
  rest_ = rest_.subspan(body.size());

  if (body.empty()) return fail("has no attributes");
  body = body.subspan(1);
  const auto time_delta = take_zigzag(body);
  const auto offset_delta = take_zigzag(body);
  if (!time_delta || !offset_delta) return fail("has no time or no offset");
  if (*offset_delta <= last_delta_ || *offset_delta > header_.last_offset_delta)
    return fail("has an offset outside its batch, or out of order");
  last_delta_ = static_cast<std::int32_t>(*offset_delta);
  // In unsigned numbers: a hostile sum wraps, it does not trap.
  record.offset = static_cast<std::int64_t>(static_cast<std::uint64_t>(header_.base_offset) +
                                            static_cast<std::uint64_t>(*offset_delta));
  record.timestamp =
      header_.log_append_time()
          ? header_.max_timestamp
          : static_cast<std::int64_t>(static_cast<std::uint64_t>(header_.base_timestamp) +
                                      static_cast<std::uint64_t>(*time_delta));
  if (!take_nullable(body, record.key)) return fail("has a key longer than itself");
  if (!take_nullable(body, record.value)) return fail("has a value longer than itself");

  const auto headers = take_zigzag(body);
  if (!headers || *headers < 0 || static_cast<std::uint64_t>(*headers) > body.size() / 2)
    return fail("counts more headers than it has room for");
  record.header_count = static_cast<std::int32_t>(*headers);
  record.headers = body;
  HeaderView skipped;
  for (std::int32_t i = 0; i < record.header_count; ++i)
    if (!take_header(body, skipped)) return fail("has a malformed header");
  if (!body.empty()) return fail("is longer than its content");
  ++read_;
  return true;
}

void RecordBatchBuilder::add(const Record& record) {
  const std::int32_t offset_delta = header_.record_count;
  if (offset_delta == 0) header_.base_timestamp = header_.max_timestamp = record.timestamp;
  const std::int64_t time_delta = record.timestamp - header_.base_timestamp;

  std::size_t length = 1 + varint_size(zigzag(time_delta)) + varint_size(zigzag(offset_delta)) +
                       nullable_size(record.key) + nullable_size(record.value) +
                       varint_size(zigzag(static_cast<std::int64_t>(record.headers.size())));
  for (const Header& header : record.headers)
    length += nullable_size(as_bytes(header.key)) + nullable_size(header.value);

  put_zigzag(records_, static_cast<std::int64_t>(length));
  records_.push_back(0);  // a record's attributes are unused
  put_zigzag(records_, time_delta);
  put_zigzag(records_, offset_delta);
  put_nullable(records_, record.key);
  put_nullable(records_, record.value);
  put_zigzag(records_, static_cast<std::int64_t>(record.headers.size()));
  for (const Header& header : record.headers) {
    put_nullable(records_, as_bytes(header.key));
    put_nullable(records_, header.value);
  }
  header_.max_timestamp = std::max(header_.max_timestamp, record.timestamp);
  header_.last_offset_delta = offset_delta;
  ++header_.record_count;
}

Result<ByteVec> RecordBatchBuilder::build() {
  check(!empty(), "a record batch without records");
  ByteVec batch(kBatchHeaderBytes);
  batch.reserve(plain_bytes());
  if (Status packed = compress(settings_.codec, settings_.level, records_, batch); !packed)
    return std::move(packed).error();
  header_.length = static_cast<std::int32_t>(batch.size() - kBatchLengthEnd);
  header_.attributes = static_cast<std::int16_t>(static_cast<int>(settings_.codec) |
                                                 (settings_.transactional ? 16 : 0));
  header_.producer_id = settings_.producer_id;
  header_.producer_epoch = settings_.producer_epoch;
  header_.base_sequence = settings_.base_sequence;
  header_.write(batch.data());
  seal(batch);

  if (settings_.base_sequence >= 0)  // it wraps to 0 after 2^31 - 1
    settings_.base_sequence =
        static_cast<std::int32_t>((static_cast<std::uint32_t>(settings_.base_sequence) +
                                   static_cast<std::uint32_t>(header_.record_count)) &
                                  0x7fffffffu);
  header_ = {};
  records_.clear();
  return batch;
}

}  // namespace ds::kafka
