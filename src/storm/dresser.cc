#include "storm/dresser.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/check.h"
#include "base/random.h"
#include "base/varint.h"
#include "kafka/wire/murmur2.h"
#include "kafka/wire/record_batch.h"
#include "record/identity.h"

namespace ds {
namespace {

constexpr std::string_view kIdHeader = "ds-id";
constexpr std::uint64_t kTombstoneSalt = 0x746f6d6273746f6eULL;
constexpr std::uint64_t kHeaderSalt = 0x68656164657273ULL;
constexpr std::uint64_t kStickySalt = 0x737469636b79ULL;
constexpr std::uint32_t kHeaderBytesMax = 64 << 10;
// Length, attributes, time and offset deltas, key and value lengths, header count: at the most.
constexpr std::size_t kFramingMax = 5 + 1 + 10 + 5 + 5 + 5 + 5;

std::uint8_t* put_bytes(std::uint8_t* to, ByteView from) {
  if (!from.empty()) std::memcpy(to, from.data(), from.size());
  return to + from.size();
}

void append_header(ByteVec& to, std::string_view name, ByteView value) {
  const std::size_t before = to.size();
  to.resize(before + name.size() + value.size() + 10);
  std::uint8_t* at = put_zigzag(to.data() + before, static_cast<std::int64_t>(name.size()));
  at = put_bytes(at, as_bytes(name));
  at = put_zigzag(at, static_cast<std::int64_t>(value.size()));
  at = put_bytes(at, value);
  to.resize(static_cast<std::size_t>(at - to.data()));
}

std::string_view field_of(const TweetView& tweet, std::string_view name, std::string& scratch) {
  if (name == "tweetId") return tweet.tweet_id;
  if (name == "brand") return tweet.brand;
  if (name == "sentiment") return tweet.sentiment;
  if (name == "text") return tweet.text;
  if (name != "timestamp") return {};
  scratch = fmt::format("{}", tweet.timestamp);
  return scratch;
}

}  // namespace

/// A record as it was made, and what it is given.
struct Dresser::Record {
  kafka::RecordView made;
  std::uint64_t number = 0;    // in the run
  std::uint32_t position = 0;  // in the generator batch
  std::uint32_t stream = 0;
  std::uint64_t batch = 0;
  std::optional<ByteView> key = std::nullopt;
  bool tombstone = false;
  std::array<char, KeyDrawer::kBytes> drawn{};
  std::string text;
};

std::string_view name_of(Placing placing) {
  constexpr std::string_view kNames[] = {"stream", "key", "round-robin", "sticky"};
  return kNames[static_cast<std::size_t>(placing)];
}

Result<HeaderRule> parse_header(std::string_view text) {
  const auto refuse = [&](std::string_view why) {
    return Error{.code = ErrorCode::kUsage,
                 .message = fmt::format("the header '{}' {}", text, why),
                 .hint = "NAME=VALUE, or NAME=random:16 for as many hex digits, a record's own"};
  };
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0) return refuse("is not NAME=VALUE");
  HeaderRule rule{.name = std::string(text.substr(0, equals)),
                  .value = std::string(text.substr(equals + 1))};
  if (rule.name == kIdHeader) return refuse("is the one that DataStorm numbers records with");
  if (rule.value.size() > kHeaderBytesMax || rule.name.size() > kHeaderBytesMax)
    return refuse("is longer than 64 KiB");
  if (!rule.value.starts_with("random:")) return rule;
  const std::string_view digits = std::string_view(rule.value).substr(7);
  const char* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, rule.random_bytes);
  if (error != std::errc() || stop != end || rule.random_bytes == 0 ||
      rule.random_bytes > kHeaderBytesMax)
    return refuse("has no size from 1 to 65536");
  return rule;
}

Dresser::Dresser(const DresserSettings& settings)
    : settings_(settings),
      drawer_(settings.dress.keys, settings.seed),
      open_(static_cast<std::size_t>(settings.partitions), -1) {
  const double share = std::clamp(settings.dress.tombstones, 0.0, 1.0);
  tombstones_below_ = share >= 1 ? ~std::uint64_t{0} : static_cast<std::uint64_t>(share * 0x1.0p64);
}

template <typename Each>
void Dresser::each_record(ByteView plain, const FillRequest& request, Each&& each) {
  const kafka::BatchHeader header = kafka::BatchHeader::read(plain).value();
  kafka::RecordReader records({header, plain}, scratch_);
  Record record;
  record.batch = request.batch;
  record.stream = static_cast<std::uint32_t>(request.batch % settings_.numbering.streams);
  record.position = request.first;
  record.number = request.batch * settings_.numbering.batch_size + request.first;
  for (; records.next(record.made); ++record.number, ++record.position) {
    record.tombstone = tombstones_below_ != 0 && random_at(settings_.seed ^ kTombstoneSalt,
                                                           record.number) < tombstones_below_;
    find_key(record);
    each(record, header.base_timestamp);
  }
  check(records.status().ok(), "a batch that was just made cannot be walked");
  decoder_.forget();
}

void Dresser::find_key(Record& record) {
  const Keys& keys = settings_.dress.keys;
  record.key.reset();
  if (keys.kind == Keys::Kind::kNone) return;
  if (keys.drawn()) {
    drawer_.put(record.number, record.drawn.data());
    record.key = as_bytes(std::string_view(record.drawn.data(), record.drawn.size()));
    return;
  }
  if (!record.made.value) return;
  const ByteView value = *record.made.value;
  const std::string& name = keys.field;
  if (!value.empty() && value[0] == '{' && keys.kind == Keys::Kind::kField) {
    if (const auto field = json_.read(value, name)) record.key = as_bytes(*field);
  } else if (TweetView tweet; decoder_.decode(value, tweet)) {
    const auto field =
        keys.kind == Keys::Kind::kBrand ? tweet.brand : field_of(tweet, name, record.text);
    if (field.data() != nullptr) record.key = as_bytes(field);
  }
}

std::int32_t Dresser::place(const Record& record) const {
  const auto partitions = static_cast<std::uint64_t>(settings_.partitions);
  switch (settings_.dress.placing) {
    case Placing::kKey:
      if (record.key) return kafka::partition_of_key(*record.key, settings_.partitions);
      break;
    case Placing::kRoundRobin:
      return static_cast<std::int32_t>(record.number % partitions);
    case Placing::kSticky:
      return static_cast<std::int32_t>(random_at(settings_.seed ^ kStickySalt, record.batch) %
                                       partitions);
    case Placing::kStream:
      break;
  }
  return static_cast<std::int32_t>(record.stream % partitions);
}

void Dresser::dress(ByteView plain, const FillRequest& request) {
  for (const Part& part : parts()) open_[static_cast<std::size_t>(part.partition)] = -1;
  part_count_ = 0;
  tombstones_.clear();
  each_record(plain, request, [&](const Record& record, std::int64_t base_ms) {
    if (record.tombstone) tombstones_.push_back(record.position);
    put(record, base_ms);
  });
}

Dresser::Route Dresser::route(ByteView plain, const FillRequest& request) {
  Route route;
  each_record(plain, request, [&](const Record& record, std::int64_t) {
    route.partitions.push_back(place(record));
    if (record.tombstone) route.tombstones.push_back(record.position);
  });
  return route;
}

void Dresser::put(const Record& record, std::int64_t base_ms) {
  // Headers first, so that the record's length is known: its own, then those of the rules.
  const kafka::RecordView& made = record.made;
  const std::vector<HeaderRule>& rules = settings_.dress.headers;
  ByteView headers = made.headers;
  std::int64_t header_count = made.header_count;
  const bool names_itself = record.tombstone && made.header_count == 0;
  if (!rules.empty() || names_itself) {
    headers_.assign(made.headers.begin(), made.headers.end());
    if (names_itself) {  // its tweetId goes with its value
      const auto place = settings_.numbering.place(record.number);
      const auto id = to_binary(RecordId{settings_.run, place.stream, place.sequence});
      append_header(headers_, kIdHeader, id);
      ++header_count;
    }
    for (std::size_t i = 0; i < rules.size(); ++i, ++header_count) {
      const HeaderRule& rule = rules[i];
      if (rule.random_bytes == 0) {
        append_header(headers_, rule.name, as_bytes(rule.value));
        continue;
      }
      std::string digits(rule.random_bytes, '0');
      Random random(random_at(settings_.seed ^ kHeaderSalt ^ (i << 56), record.number));
      for (std::size_t j = 0; j < digits.size(); j += 16) {
        const std::string sixteen = fmt::format("{:016x}", random());
        digits.replace(j, std::min<std::size_t>(16, digits.size() - j), sixteen, 0,
                       std::min<std::size_t>(16, digits.size() - j));
      }
      append_header(headers_, rule.name, as_bytes(digits));
    }
    headers = headers_;
  }
  const auto value = record.tombstone ? std::nullopt : made.value;
  const std::size_t bytes =
      (record.key ? record.key->size() : 0) + (value ? value->size() : 0) + headers.size();
  Part& part = part_for(place(record), bytes + kFramingMax, base_ms);

  const std::int64_t later_ms = made.timestamp - base_ms;
  const auto length_of = [](const std::optional<ByteView>& of) {
    return of ? static_cast<std::int64_t>(of->size()) : -1;
  };
  const std::size_t body =
      bytes + 1 + varint_size(zigzag(later_ms)) + varint_size(zigzag(part.records)) +
      varint_size(zigzag(length_of(record.key))) + varint_size(zigzag(length_of(value))) +
      varint_size(zigzag(header_count));
  std::uint8_t* at = part.bytes.data() + part.size;
  at = put_zigzag(at, static_cast<std::int64_t>(body));
  *at++ = 0;
  at = put_zigzag(at, later_ms);
  at = put_zigzag(at, part.records);
  at = put_zigzag(at, length_of(record.key));
  if (record.key) at = put_bytes(at, *record.key);
  at = put_zigzag(at, length_of(value));
  if (value) at = put_bytes(at, *value);
  at = put_zigzag(at, header_count);
  at = put_bytes(at, headers);
  part.size = static_cast<std::size_t>(at - part.bytes.data());
  part.newest_ms = std::max(part.newest_ms, made.timestamp);
  if (part.records++ == 0) part.first = record.position;
  part.last = record.position;
}

/// With room for `more`; a new part where the last one has none.
Dresser::Part& Dresser::part_for(std::int32_t partition, std::size_t more, std::int64_t base_ms) {
  constexpr std::size_t kFirstBytes = 4096;
  std::int32_t& open = open_[static_cast<std::size_t>(partition)];
  const std::size_t most = settings_.batch_bytes_max - kafka::kBatchHeaderBytes;
  check(more <= most, "a record is larger than the largest batch");
  if (open < 0 || parts_[static_cast<std::size_t>(open)].size + more > most) {
    open = static_cast<std::int32_t>(part_count_++);
    if (parts_.size() < part_count_) parts_.emplace_back();
    Part& fresh = parts_[static_cast<std::size_t>(open)];
    fresh.partition = partition;
    fresh.records = 0;
    fresh.size = 0;
    fresh.base_ms = fresh.newest_ms = base_ms;
  }
  Part& part = parts_[static_cast<std::size_t>(open)];
  if (part.bytes.size() < part.size + more)
    part.bytes.resize(std::max({part.size + more, 2 * part.bytes.size(), kFirstBytes}));
  return part;
}

std::uint32_t Dresser::finish(const Part& part, const BatchStamp& stamp, ByteSpan into) const {
  const std::size_t size = kafka::kBatchHeaderBytes + part.size;
  check(size <= into.size(), "a part is larger than its slot");
  kafka::BatchHeader header;
  header.length = static_cast<std::int32_t>(size - kafka::kBatchLengthEnd);
  header.last_offset_delta = static_cast<std::int32_t>(part.records) - 1;
  header.base_timestamp = part.base_ms;
  header.max_timestamp = part.newest_ms;
  header.producer_id = stamp.producer_id;
  header.producer_epoch = stamp.producer_epoch;
  header.base_sequence = stamp.base_sequence;
  header.record_count = static_cast<std::int32_t>(part.records);
  header.write(into.data());
  std::memcpy(into.data() + kafka::kBatchHeaderBytes, part.bytes.data(), part.size);
  kafka::seal(into.first(size));
  return static_cast<std::uint32_t>(size);
}

}  // namespace ds
