#include "kafka/broker/compaction.h"

#include <algorithm>
#include <limits>
#include <span>

#include "base/varint.h"

namespace ds::kafka::broker {
namespace {

constexpr std::int16_t kHorizonBit = 64;
constexpr std::size_t kPlainBytesMax = 64u << 20;  // of a batch; a larger one is left as it is
constexpr std::size_t kWriteBytes = 1u << 20;

using Segments = std::vector<std::shared_ptr<Segment>>;

Error interrupted() {
  return Error{.code = ErrorCode::kInterrupted, .message = "compaction was interrupted"};
}

void put(ByteVec& out, std::int64_t number) {
  std::uint8_t bytes[kVarintBytesMax];
  out.insert(out.end(), bytes, put_zigzag(bytes, number));
}

void put(ByteVec& out, const std::optional<ByteView>& bytes) {
  put(out, bytes ? static_cast<std::int64_t>(bytes->size()) : -1);
  if (bytes) out.insert(out.end(), bytes->begin(), bytes->end());
}

/// Writes batches one behind the other into a new segment, and makes them reach to the next one.
class Writer {
 public:
  explicit Writer(Segment& into) : into_(into), expected_(into.base_offset()) {}

  Status add(const BatchHeader& header, ByteVec bytes) {
    if (auto covered = cover(header.base_offset); !covered) return covered;
    if (auto let_go = let_go_of_last(); !let_go) return let_go;
    last_ = header;
    last_bytes_ = std::move(bytes);
    expected_ = header.next_offset();
    return Done{};
  }

  std::uint64_t bytes() const { return into_.end() + bytes_.size() + last_bytes_.size(); }

  Status finish(std::int64_t end_offset) {
    if (auto covered = cover(end_offset); !covered) return covered;
    if (auto let_go = let_go_of_last(); !let_go) return let_go;
    return flush();
  }

 private:
  /// Makes the last batch, or one without records, reach to `offset`.
  Status cover(std::int64_t offset) {
    constexpr std::int64_t kReach = std::numeric_limits<std::int32_t>::max();
    while (expected_ < offset) {
      if (last_bytes_.empty() || offset - 1 - last_.base_offset > kReach) {
        if (auto let_go = let_go_of_last(); !let_go) return let_go;
        last_ = {.base_offset = expected_,
                 .length = static_cast<std::int32_t>(kBatchHeaderBytes - kBatchLengthEnd),
                 .leader_epoch = 0};
        last_bytes_.resize(kBatchHeaderBytes);
      }
      // What it says of its producer would be wrong now; the file of producers has it.
      last_.producer_id = -1;
      last_.producer_epoch = -1;
      last_.base_sequence = -1;
      last_.last_offset_delta =
          static_cast<std::int32_t>(std::min(offset - 1 - last_.base_offset, kReach));
      last_.write(last_bytes_.data());
      seal(last_bytes_);
      expected_ = last_.next_offset();
    }
    return Done{};
  }

  Status let_go_of_last() {
    if (last_bytes_.empty()) return Done{};
    waiting_.push_back(last_);
    bytes_.insert(bytes_.end(), last_bytes_.begin(), last_bytes_.end());
    last_bytes_.clear();
    return bytes_.size() < kWriteBytes ? Status(Done{}) : flush();
  }

  Status flush() {
    if (bytes_.empty()) return Done{};
    if (auto written = into_.write(bytes_); !written) return written;
    for (const BatchHeader& header : waiting_) into_.accept(header);
    waiting_.clear();
    bytes_.clear();
    return Done{};
  }

  Segment& into_;
  std::int64_t expected_;
  BatchHeader last_;  // not yet written: it may have to reach further
  ByteVec last_bytes_;
  std::vector<BatchHeader> waiting_;
  ByteVec bytes_;
};

class Round {
 public:
  Round(Files& files, Partition& partition, const CompactionSettings& settings,
        CompactionState& state, const std::function<bool()>& stopped)
      : files_(files),
        partition_(partition),
        settings_(settings),
        state_(state),
        stopped_(stopped),
        keys_(settings.keys_bytes_max) {}

  Result<Compacted> run() {
    const Segments closed = partition_.closed_segments(settings_.only_synced);
    if (closed.empty() || !is_time(closed)) return Compacted{};
    log_start_ = partition_.ends().start;
    if (auto noted = note_new_keys(closed); !noted) return std::move(noted).error();
    if (auto saved = partition_.save_producers(files_); !saved) return std::move(saved).error();
    Compacted done;
    for (std::size_t i = 0; i < closed.size();) {
      auto made = make_anew(std::span(closed).subspan(i), done);
      if (!made) return std::move(made).error();
      i += *made;
    }
    state_.cleaned_to = known_to_;
    state_.tombstones_at = tombstones_at_;
    return done;
  }

 private:
  bool is_time(const Segments& closed) const {
    if (state_.tombstones_at >= 0 && state_.tombstones_at <= settings_.now_ms) return true;
    std::uint64_t all = 0, fresh = 0;
    for (const auto& segment : closed) {
      all += segment->end();
      if (segment->next_offset() > state_.cleaned_to) fresh += segment->end();
    }
    return fresh > 0 &&
           static_cast<double>(fresh) >= settings_.dirty_ratio * static_cast<double>(all);
  }

  /// Up to known_to_ the last offset of every key is known then, or does not matter: what lies
  /// below cleaned_to is replaced by later records only.
  Status note_new_keys(const Segments& closed) {
    known_to_ = state_.cleaned_to;
    ByteVec scratch;
    for (const auto& segment : closed) {
      if (segment->next_offset() <= state_.cleaned_to) continue;
      if (stopped_()) return interrupted();
      bool go_on = true;
      const auto read = segment->read_batches([&](const BatchView& batch) {
        if (batch.header.next_offset() <= state_.cleaned_to) return true;
        if (keys_.full()) return go_on = false;
        RecordReader records(batch, scratch, kPlainBytesMax);
        while (const auto record = records.next())
          if (record->key) keys_.note(as_text(*record->key), record->offset);
        if (!records.status()) state_.opaque = true;
        known_to_ = batch.header.next_offset();
        return true;
      });
      if (!read) return read;
      if (!go_on) break;
    }
    return Done{};
  }

  /// As many segments from the front as together come to one; how many.
  Result<std::size_t> make_anew(std::span<const std::shared_ptr<Segment>> closed, Compacted& done) {
    const std::int64_t base = closed.front()->base_offset();
    const std::string folder = partition_.folder() + "/";
    const std::string draft = folder + Segment::file_name(base) + std::string(kCompactingSuffix);
    Segments group;
    auto fresh = write_draft(closed, draft, group);
    if (!fresh) {
      (void)files_.remove(draft);
      return std::move(fresh).error();
    }
    const std::string path = folder + Segment::compacted_name(base, (*fresh)->next_offset());
    if (auto named = files_.rename(draft, path); !named) return std::move(named).error();
    // Should the originals' removal reach the disk, this name must have done so before.
    if (auto synced = files_.sync_folder(partition_.folder()); !synced)
      return std::move(synced).error();
    auto file = files_.open(path, OpenMode::kWrite);
    if (!file) return std::move(file).error();
    (*fresh)->reopen(std::move(*file));
    const std::uint64_t after = (*fresh)->end();
    if (!partition_.replace(group, std::move(*fresh))) {
      if (auto gone = files_.remove(path); !gone) return std::move(gone).error();
      return group.size();
    }
    for (const auto& segment : group) {
      done.bytes_before += segment->end();
      if (segment->file().path() == path) continue;
      if (auto gone = files_.remove(segment->file().path()); !gone) return std::move(gone).error();
    }
    done.bytes_after += after;
    return group.size();
  }

  /// `group` tells which segments are in it: neighbours, until it could get too large.
  Result<std::shared_ptr<Segment>> write_draft(std::span<const std::shared_ptr<Segment>> closed,
                                               const std::string& path, Segments& group) {
    auto file = files_.open(path, OpenMode::kCreate);
    if (!file) return std::move(file).error();
    if (auto cut = (*file)->truncate(0); !cut) return std::move(cut).error();
    auto fresh = std::make_shared<Segment>(std::move(*file), closed.front()->base_offset());
    Writer writer(*fresh);
    Status status = Done{};
    for (const auto& segment : closed) {
      if (!group.empty() && writer.bytes() + segment->end() > partition_.segment_bytes()) break;
      group.push_back(segment);
      const auto read = segment->read_batches([&](const BatchView& batch) {
        if (stopped_())
          status = interrupted();
        else
          status = add_what_stays(batch, writer);
        return status.ok();
      });
      if (!read) return read.error();
      if (!status) return std::move(status).error();
    }
    if (auto finished = writer.finish(group.back()->next_offset()); !finished)
      return std::move(finished).error();
    if (auto synced = fresh->file().sync(); !synced) return std::move(synced).error();
    return fresh;
  }

  Status add_what_stays(const BatchView& batch, Writer& writer) {
    const BatchHeader& header = batch.header;
    const auto as_it_is = [&] {
      return writer.add(header, ByteVec(batch.bytes.begin(), batch.bytes.end()));
    };
    if (header.base_offset >= known_to_ || header.control() || header.transactional())
      return as_it_is();
    const bool has_horizon = (header.attributes & kHorizonBit) != 0;
    const bool over = has_horizon && header.base_timestamp <= settings_.now_ms && !state_.opaque;
    bool tombstones = false;
    staying_.clear();
    RecordReader records(batch, scratch_, kPlainBytesMax);
    while (const auto record = records.next()) {
      if (record->offset < log_start_) continue;
      const bool tombstone = record->key && !record->value;
      if (record->key && keys_.replaced(as_text(*record->key), record->offset)) continue;
      if (tombstone && over) continue;
      tombstones = tombstones || tombstone;
      staying_.push_back(*record);
    }
    if (!records.status()) return as_it_is();
    if (staying_.empty()) return Done{};
    const bool mark = tombstones && !has_horizon && !state_.opaque;
    const std::int64_t horizon =
        mark ? settings_.now_ms + settings_.delete_retention_ms : header.base_timestamp;
    if (tombstones && (mark || has_horizon) && !state_.opaque)
      tombstones_at_ = tombstones_at_ < 0 ? horizon : std::min(tombstones_at_, horizon);
    if (!mark && staying_.size() == static_cast<std::size_t>(header.record_count))
      return as_it_is();
    return write_anew(header, mark, horizon, writer);
  }

  /// The batch with the records of staying_.
  Status write_anew(const BatchHeader& header, bool mark, std::int64_t base_timestamp,
                    Writer& writer) {
    BatchHeader made = header;
    made.base_timestamp = base_timestamp;
    if (mark) made.attributes = static_cast<std::int16_t>(made.attributes | kHorizonBit);
    made.record_count = static_cast<std::int32_t>(staying_.size());
    if (!made.log_append_time()) {
      made.max_timestamp = std::numeric_limits<std::int64_t>::min();
      for (const RecordView& each : staying_)
        made.max_timestamp = std::max(made.max_timestamp, each.timestamp);
    }
    plain_.clear();
    for (const RecordView& each : staying_) {
      body_.assign(1, 0);  // a record's attributes are unused
      put(body_, minus(each.timestamp, base_timestamp));
      put(body_, each.offset - header.base_offset);
      put(body_, each.key);
      put(body_, each.value);
      put(body_, each.header_count);
      body_.insert(body_.end(), each.headers.begin(), each.headers.end());
      put(plain_, static_cast<std::int64_t>(body_.size()));
      plain_.insert(plain_.end(), body_.begin(), body_.end());
    }
    ByteVec bytes(kBatchHeaderBytes);
    if (auto packed = compress(header.codec(), kDefaultLevel, plain_, bytes); !packed)
      return packed;
    made.length = static_cast<std::int32_t>(bytes.size() - kBatchLengthEnd);
    made.write(bytes.data());
    seal(bytes);
    made.crc = load_be<std::uint32_t>(bytes.data() + kBatchCrcAt);
    return writer.add(made, std::move(bytes));
  }

  /// Wraps for hostile timestamps, as reading them does.
  static std::int64_t minus(std::int64_t a, std::int64_t b) {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
  }

  Files& files_;
  Partition& partition_;
  const CompactionSettings& settings_;
  CompactionState& state_;
  const std::function<bool()>& stopped_;
  LastOffsets keys_;
  std::int64_t known_to_ = 0;
  std::int64_t log_start_ = 0;
  std::int64_t tombstones_at_ = -1;
  std::vector<RecordView> staying_;
  ByteVec scratch_, plain_, body_;
};

}  // namespace

void LastOffsets::note(std::string_view key, std::int64_t offset) {
  const auto found = offsets_.find(key);
  if (found != offsets_.end()) {
    found->second = offset;
    return;
  }
  bytes_ += key.size() + kEntryBytes;
  offsets_.emplace(key, offset);
}

bool LastOffsets::replaced(std::string_view key, std::int64_t offset) const {
  const auto found = offsets_.find(key);
  return found != offsets_.end() && found->second > offset;
}

Result<Compacted> compact(Files& files, Partition& partition, const CompactionSettings& settings,
                          CompactionState& state, const std::function<bool()>& stopped) {
  return Round(files, partition, settings, state, stopped).run();
}

}  // namespace ds::kafka::broker
