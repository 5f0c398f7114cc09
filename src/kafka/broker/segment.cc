#include "kafka/broker/segment.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace ds::kafka::broker {
namespace {

constexpr std::string_view kSuffix = ".log";
constexpr std::size_t kDigits = 20;

bool all_zeros(ByteView bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

std::optional<std::int64_t> parse_offset(std::string_view digits) {
  std::int64_t offset = 0;
  const char* const last = digits.data() + digits.size();
  const auto [end, error] = std::from_chars(digits.data(), last, offset);
  if (error != std::errc() || end != last || offset < 0) return std::nullopt;
  return offset;
}

/// A window over a file that moves forward, for walks.
class Window {
 public:
  explicit Window(File& file, std::uint64_t limit) : file_(file), limit_(limit) {}

  /// The bytes from `at` on: at least `wanted` of them, unless the limit comes first.
  Result<ByteView> view(std::uint64_t at, std::size_t wanted) {
    if (at + wanted > from_ + have_ || at < from_) {
      const std::size_t size = std::max(wanted, kBytes);
      const auto left = static_cast<std::size_t>(limit_ - at);
      if (bytes_.size() < size) bytes_.resize(size);
      auto got = file_.read_at(ByteSpan(bytes_).first(std::min(size, left)), at);
      if (!got) return std::move(got).error();
      from_ = at;
      have_ = *got;
    }
    return ByteView(bytes_).subspan(at - from_, have_ - (at - from_));
  }

 private:
  static constexpr std::size_t kBytes = 1 << 20;
  File& file_;
  std::uint64_t limit_;
  ByteVec bytes_;
  std::uint64_t from_ = 0;
  std::size_t have_ = 0;
};

}  // namespace

std::string Segment::file_name(std::int64_t base_offset) {
  return fmt::format("{:020}{}", base_offset, kSuffix);
}

std::string Segment::compacted_name(std::int64_t base_offset, std::int64_t end_offset) {
  return fmt::format("{:020}.{:020}{}", base_offset, end_offset, kSuffix);
}

std::optional<Segment::Name> Segment::parse_file_name(std::string_view name) {
  if (!name.ends_with(kSuffix)) return std::nullopt;
  name.remove_suffix(kSuffix.size());
  if (name.size() == kDigits) {
    const auto base = parse_offset(name);
    return base ? std::optional(Name{*base, {}}) : std::nullopt;
  }
  if (name.size() != 2 * kDigits + 1 || name[kDigits] != '.') return std::nullopt;
  const auto base = parse_offset(name.substr(0, kDigits));
  const auto end = parse_offset(name.substr(kDigits + 1));
  if (!base || !end || *end <= *base) return std::nullopt;
  return Name{*base, *end};
}

void Segment::accept(const BatchHeader& header) {
  check(header.base_offset == next_offset_, "a batch does not follow the one before it");
  if (index_.empty() || end_ - index_.back().position >= kIndexInterval)
    index_.push_back({header.base_offset, end_, max_timestamp_});
  end_ += header.size();
  next_offset_ = header.next_offset();
  max_timestamp_ = std::max(max_timestamp_, header.max_timestamp);
}

Result<std::optional<Segment::Bad>> Segment::walk(
    std::uint64_t limit, const std::function<void(const BatchHeader&)>& each) {
  Window window(*file_, limit);
  while (end_ < limit) {
    auto front = window.view(end_, kBatchHeaderBytes);
    if (!front) return std::move(front).error();
    const auto bad = [&](std::string why, bool unused = false) -> Result<std::optional<Bad>> {
      return std::optional(Bad{end_, std::move(why), unused});
    };
    if (front->empty()) return bad("the file ends early");
    const auto header = BatchHeader::read(*front);
    if (!header)
      return bad(header.error().message,
                 front->size() >= kBatchHeaderBytes && all_zeros(front->first(kBatchHeaderBytes)));
    if (header->base_offset != next_offset_)
      return bad(fmt::format("a batch of offset {} where {} was expected", header->base_offset,
                             next_offset_),
                 header->base_offset < next_offset_);
    // The only field that neither the checksum nor the order of offsets covers.
    if (header->leader_epoch != kLeaderEpoch)
      return bad(fmt::format("a batch of leader epoch {}, which this broker never had",
                             header->leader_epoch));
    if (header->size() > limit - end_)
      return bad(
          fmt::format("a batch of {} bytes is cut short after {}", header->size(), limit - end_));
    auto batch = window.view(end_, header->size());
    if (!batch) return std::move(batch).error();
    front = *batch;
    if (batch->size() < header->size()) return bad("the file ends early");
    if (const Status sound = header->verify(batch->first(header->size())); !sound)
      return bad(sound.error().message);
    accept(*header);
    each(*header);
  }
  return std::optional<Bad>();
}

Status Segment::read_batches(const std::function<bool(const BatchView&)>& each) const {
  Window window(*file_, end_);
  for (std::uint64_t at = 0; at < end_;) {
    auto bytes = window.view(at, kBatchHeaderBytes);
    if (!bytes) return std::move(bytes).error();
    const auto header = BatchHeader::read(*bytes);
    if (!header) return header.error();
    bytes = window.view(at, header->size());
    if (!bytes) return std::move(bytes).error();
    if (const Status sound = header->verify(*bytes); !sound) return sound;
    if (!each({*header, bytes->first(header->size())})) return Done{};
    at += header->size();
  }
  return Done{};
}

std::uint64_t Segment::position_before(std::int64_t offset) const {
  const auto after = std::upper_bound(
      index_.begin(), index_.end(), offset,
      [](std::int64_t wanted, const IndexEntry& entry) { return wanted < entry.offset; });
  return after == index_.begin() ? 0 : std::prev(after)->position;
}

std::uint64_t Segment::position_before_time(std::int64_t timestamp) const {
  const auto after = std::find_if(index_.begin(), index_.end(), [&](const IndexEntry& entry) {
    return entry.max_timestamp >= timestamp;
  });
  return after == index_.begin() ? 0 : std::prev(after)->position;
}

std::uint64_t Segment::boundary_before(std::uint64_t from, std::uint64_t limit) const {
  if (end_ <= limit) return end_;
  const auto after = std::upper_bound(
      index_.begin(), index_.end(), limit,
      [](std::uint64_t wanted, const IndexEntry& entry) { return wanted < entry.position; });
  if (after == index_.begin()) return from;
  return std::max(from, std::prev(after)->position);
}

Result<BatchHeader> read_header(File& file, std::uint64_t position) {
  std::array<std::uint8_t, kBatchHeaderBytes> bytes;
  const auto got = file.read_at(bytes, position);
  if (!got) return got.error();
  return BatchHeader::read(ByteView(bytes).first(*got));
}

}  // namespace ds::kafka::broker
