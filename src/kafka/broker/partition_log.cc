#include "kafka/broker/partition_log.h"

#include <algorithm>
#include <cstdio>

#include "kafka/broker/marks.h"

namespace ds::kafka::broker {
namespace {

/// What a search by time decompresses of a batch; a larger one is found as a whole.
constexpr std::size_t kPlainBytesMax = 16 << 20;

Error damaged(const std::string& folder, std::int64_t offset, std::string_view why) {
  return Error{.code = ErrorCode::kCorrupt,
               .message = fmt::format("{} is damaged at offset {}: {}", folder, offset, why),
               .hint = "restore it from a copy, or give up what follows with --repair"};
}

/// No batch of its own, that is; what a recycled file held before does not count.
Result<bool> holds_nothing(Segment& segment, std::uint64_t size) {
  auto walked = segment.walk(size, [](const BatchHeader&) {});
  if (!walked) return std::move(walked).error();
  return segment.end() == 0;
}

}  // namespace

std::array<std::uint8_t, 16> read_boot_id() {
  std::array<std::uint8_t, 16> id{};
  if (std::FILE* file = std::fopen("/proc/sys/kernel/random/boot_id", "r")) {
    char text[40] = {};
    std::string hex;
    if (std::fgets(text, sizeof text, file))
      std::copy_if(text, text + std::char_traits<char>::length(text), std::back_inserter(hex),
                   [](char c) { return c != '-' && c != '\n'; });
    std::fclose(file);
    const ByteVec bytes = from_hex(hex);
    if (bytes.size() == id.size()) std::copy(bytes.begin(), bytes.end(), id.begin());
  }
  return id;
}

Result<std::unique_ptr<PartitionLog>> PartitionLog::open(
    Files& files, const std::string& folder, const LogSettings& settings,
    const std::function<void(const BatchHeader&)>& each, Log& log) {
  if (auto made = files.make_folder(folder); !made) return std::move(made).error();
  std::unique_ptr<PartitionLog> opened(new PartitionLog(files, folder, settings));
  if (auto recovered = opened->recover(each, log); !recovered) return std::move(recovered).error();
  return opened;
}

std::string PartitionLog::path_of(std::int64_t base_offset) const {
  return folder_ + "/" + Segment::file_name(base_offset);
}

Result<std::shared_ptr<Segment>> PartitionLog::open_segment(const std::string& path,
                                                            std::int64_t base_offset) {
  auto file = files_.open(path, OpenMode::kCreate);
  if (!file) return std::move(file).error();
  return std::make_shared<Segment>(std::move(*file), base_offset);
}

/// The files of segments, in order. What a compaction that was not finished has left is removed:
/// a copy without its name, or the originals of one that has it.
Result<std::vector<PartitionLog::Found>> PartitionLog::find_files() {
  auto names = files_.list(folder_);
  if (!names) return std::move(names).error();
  std::vector<Found> all, kept;
  for (const std::string& name : *names) {
    const std::string path = folder_ + "/" + name;
    if (const auto parsed = Segment::parse_file_name(name)) all.push_back({path, *parsed});
    if (name.ends_with(kCompactingSuffix))
      if (auto gone = files_.remove(path); !gone) return std::move(gone).error();
  }
  const auto replaced_by = [](const Segment::Name& old, const Segment::Name& other) {
    if (!other.end_offset || other.base_offset > old.base_offset) return false;
    if (!old.end_offset) return old.base_offset < *other.end_offset;
    const bool same = other.base_offset == old.base_offset && other.end_offset == old.end_offset;
    return *old.end_offset <= *other.end_offset && !same;
  };
  for (const Found& each : all) {
    const bool replaced = std::any_of(all.begin(), all.end(), [&](const Found& other) {
      return replaced_by(each.name, other.name);
    });
    if (!replaced)
      kept.push_back(each);
    else if (auto gone = files_.remove(each.path); !gone)
      return std::move(gone).error();
  }
  return kept;
}

Status PartitionLog::recover(const std::function<void(const BatchHeader&)>& each, Log& log) {
  auto marks_file = files_.open(folder_ + "/marks", OpenMode::kCreate);
  if (!marks_file) return std::move(marks_file).error();
  marks_ = std::move(*marks_file);
  auto read = read_marks();
  if (!read) return std::move(read).error();
  const std::optional<Marks> marks = std::move(*read);

  auto listed = find_files();
  if (!listed) return std::move(listed).error();
  std::vector<Found>& found = *listed;
  const auto base = [&](std::size_t i) { return found[i].name.base_offset; };

  const bool no_id = settings_.boot_id == decltype(settings_.boot_id){};
  const bool same_boot = marks && !no_id && marks->boot_id == settings_.boot_id;
  const std::int64_t trusted = !marks ? 0 : same_boot ? marks->end_offset : marks->synced_offset;
  bool was_cut = false;
  if (same_boot)  // a segment that was made, but whose first append was never marked
    while (!found.empty() && found.back().name.base_offset > marks->active_segment) {
      if (auto gone = files_.remove(found.back().path); !gone) return gone;
      found.pop_back();
      was_cut = true;
    }

  std::int64_t expected = marks ? marks->start_offset : 0;
  // What was deleted need not be there: after a power loss an old file may have come back without
  // its end, and the new one, to which the log had been emptied, be gone.
  const std::int64_t needed_from = expected;
  const auto misses = [&] { return std::max(expected, needed_from) < trusted; };
  // What goes below is missed unless the disk has the marks that say why: they may be those that a
  // killed broker wrote, in memory only.
  const auto keep_start = [&]() -> Status {
    if (settings_.recycle) return Done{};
    if (auto kept = marks_->write_at(encode_marks(*marks), kMarksCopyAt); !kept) return kept;
    return marks_->sync();
  };
  // Files wholly below the log's start were dropped, but not yet removed or recycled.
  if (marks && found.size() > 1 && base(1) <= marks->start_offset)
    if (auto kept = keep_start(); !kept) return kept;
  while (marks && found.size() > 1 && base(1) <= marks->start_offset) {
    if (auto gone = files_.remove(found[0].path); !gone) return gone;
    found.erase(found.begin());
  }
  // Where marks are not trusted, the files say where the log starts.
  if (!found.empty() && (base(0) < expected || expected >= trusted)) expected = base(0);
  for (std::size_t i = 0; i < found.size(); ++i) {
    auto segment = open_segment(found[i].path, base(i));
    if (!segment) return std::move(segment).error();
    auto size = (*segment)->file().size();
    if (!size) return std::move(size).error();

    // The first file may be one that was kept to be recycled, and only marks would say so: what
    // followed it has gone since.
    if (!marks && settings_.recycle && i == 1 && segments_.size() == 1 && base(1) > expected) {
      if (auto gone = files_.remove(found[0].path); !gone) return gone;
      segments_.clear();
      expected = base(1);
    }
    // One that was made, and the append that wanted it failed: the segment before took what came.
    if (!segments_.empty() && base(i) < expected) {
      const auto unused = holds_nothing(**segment, *size);
      if (!unused) return unused.error();
      if (*unused) {
        if (auto gone = files_.remove(found[i].path); !gone) return gone;
        was_cut = true;
        continue;
      }
    }
    std::optional<Segment::Bad> bad;
    if (base(i) != expected) {
      bad = {0, fmt::format("the segment before offset {} is missing", base(i)), false};
    } else {
      const bool active = same_boot && base(i) == marks->active_segment;
      auto walked = (*segment)->walk(active ? marks->end : *size, each);
      if (!walked) return std::move(walked).error();
      bad = std::move(*walked);
      expected = (*segment)->next_offset();
      segments_.push_back(*segment);
      if (!bad && expected < found[i].name.end_offset.value_or(expected))
        bad = {*size, "the file ends early", false};
      if (active && !bad && *size > marks->end) {
        if (auto cut = (*segment)->file().truncate(marks->end); !cut) return cut;
        was_cut = true;
      }
    }
    if (!bad) continue;

    const std::uint64_t lost = *size - std::min(*size, bad->at);
    if (misses() && !settings_.repair) return damaged(folder_, expected, bad->why);
    if (misses())
      log.error("{}: cut at offset {}, {} records that were stored are lost: {}", folder_, expected,
                trusted - expected, bad->why);
    else if (!bad->unused || !settings_.recycle)
      log.warn("{}: cut a torn tail of {} bytes at offset {}: {}", folder_, lost, expected,
               bad->why);
    if (auto cut_off = cut(i, bad->at, found); !cut_off) return cut_off;
    was_cut = true;
    break;
  }
  if (misses() && !settings_.repair)
    return damaged(folder_, expected, fmt::format("records up to {} are missing", trusted));
  if (marks && expected < marks->start_offset) {  // all that is left was deleted before
    if (auto kept = keep_start(); !kept) return kept;
    for (const auto& segment : segments_)
      if (auto gone = files_.remove(segment->file().path()); !gone) return gone;
    segments_.clear();
    expected = marks->start_offset;
  }

  // What was cut must not come back behind what is acknowledged from now on.
  if (was_cut && !settings_.recycle) {
    if (!segments_.empty())
      if (auto synced = segments_.back()->file().sync(); !synced) return synced;
    if (auto synced = sync_folder(); !synced) return synced;
  }
  if (segments_.empty()) {
    auto first = open_segment(path_of(expected), expected);
    if (!first) return std::move(first).error();
    segments_.push_back(std::move(*first));
  }
  folder_unsynced_ = true;  // who made these files may have been killed before it was synced
  for (const auto& segment : segments_) bytes_ += segment->end();
  end_offset_ = segments_.back()->next_offset();
  start_offset_ = segments_.front()->base_offset();
  if (marks) start_offset_ = std::clamp(marks->start_offset, start_offset_, end_offset_);
  synced_offset_ = marks ? std::min(marks->synced_offset, end_offset_) : start_offset_;
  return write_marks();
}

/// Leaves nothing of the log behind `at` of the segment number `segment`.
Status PartitionLog::cut(std::size_t segment, std::uint64_t at, const std::vector<Found>& found) {
  std::size_t remove_from = segment;
  const auto& [path, name] = found[segment];
  if (!segments_.empty() && segments_.back()->base_offset() == name.base_offset) {
    if (auto done = segments_.back()->file().truncate(at); !done) return done;
    remove_from = segment + 1;
    if (name.end_offset) {  // it does not reach there any more, so it may not say so
      const std::string plain = path_of(name.base_offset);
      if (auto done = files_.rename(path, plain); !done) return done;
      auto file = files_.open(plain, OpenMode::kWrite);
      if (!file) return std::move(file).error();
      segments_.back()->reopen(std::move(*file));
    }
  }
  for (std::size_t i = remove_from; i < found.size(); ++i)
    if (auto done = files_.remove(found[i].path); !done) return done;
  return Done{};
}

Status PartitionLog::write_marks(std::uint64_t end, std::int64_t end_offset, std::uint64_t at) {
  return marks_->write_at(encode_marks({.active_segment = segments_.back()->base_offset(),
                                        .end = end,
                                        .end_offset = end_offset,
                                        .synced_offset = synced_offset_,
                                        .start_offset = start_offset_,
                                        .boot_id = settings_.boot_id}),
                          at);
}

/// The marks, or what their copy surely knows where they are no more.
Result<std::optional<Marks>> PartitionLog::read_marks() {
  std::optional<Marks> read[2];
  for (const std::size_t i : {0, 1}) {
    std::array<std::uint8_t, kMarksBytes> bytes;
    const auto got = marks_->read_at(bytes, i == 0 ? 0 : kMarksCopyAt);
    if (!got) return got.error();
    read[i] = decode_marks(ByteView(bytes).first(*got));
  }
  auto& [marks, copy] = read;
  if (!copy) return marks;
  if (!marks) {
    marks = copy;
    marks->boot_id = {};  // where the log ended it does not know
  }
  marks->start_offset = std::max(marks->start_offset, copy->start_offset);
  marks->synced_offset = std::max(marks->synced_offset, copy->synced_offset);
  return marks;
}

Status PartitionLog::roll() {
  // A later segment must not be there after a power loss where the first one is not.
  if (!settings_.recycle && folder_unsynced_) {
    if (auto synced = sync_folder(); !synced) return sync_failed_ = true, synced;
    folder_unsynced_ = false;
  }
  // A recycled file is longer than what counts of it; a closed one ends where its batches end.
  // So does one to which an append has failed, after a power loss too.
  Segment& last = *segments_.back();
  if (settings_.recycle || torn_)
    if (auto cut = last.file().truncate(last.end()); !cut) return cut;
  if (torn_ && !settings_.recycle)
    if (auto synced = last.file().sync(); !synced) return sync_failed_ = true, synced;
  torn_ = false;
  const std::string path = path_of(end_offset_);
  const bool recycled = spare_ && spare_.use_count() == 1;  // and nobody reads it any more
  if (spare_) {
    const std::string old_path = spare_->file().path();
    spare_.reset();
    auto moved = recycled ? files_.rename(old_path, path) : files_.remove(old_path);
    if (!moved) return moved;
  }
  auto next = open_segment(path, end_offset_);
  Status made = next ? Status(Done{}) : Status(next.error());
  // The name may have been used by an append that failed: nothing of it may stay.
  if (made && !recycled) made = (*next)->file().truncate(0);
  if (!made) {  // what the segment before still takes would overlap it
    (void)files_.remove(path);
    return made;
  }
  segments_.push_back(std::move(*next));
  folder_unsynced_ = true;
  return Done{};
}

void PartitionLog::keep_spare(std::vector<std::shared_ptr<Segment>>& dropped) {
  if (!settings_.recycle || dropped.empty()) return;
  if (dropped.back()->end() < settings_.segment_bytes / 2) return;  // not worth its place
  std::swap(spare_, dropped.back());
  if (!dropped.back()) dropped.pop_back();
}

Result<std::int64_t> PartitionLog::append(BatchHeader header, ByteSpan batch) {
  const Segment& last = *segments_.back();
  if (last.end() > 0 && last.end() + batch.size() > settings_.segment_bytes)
    if (auto rolled = roll(); !rolled) return std::move(rolled).error();
  header.base_offset = end_offset_;
  assign_base_offset(batch, end_offset_, kLeaderEpoch);
  Segment& active = *segments_.back();
  if (auto written = active.write(batch); !written) return torn_ = true, std::move(written).error();
  if (auto marked = write_marks(active.end() + batch.size(), header.next_offset()); !marked)
    return torn_ = true, std::move(marked).error();
  active.accept(header);
  end_offset_ = header.next_offset();
  bytes_ += batch.size();
  return header.base_offset;
}

Result<LogSlice> PartitionLog::find(std::int64_t offset, std::int64_t offset_end,
                                    std::size_t bytes_max, bool at_least_one) const {
  if (offset >= std::min(offset_end, end_offset_)) return LogSlice{};
  auto after = std::upper_bound(
      segments_.begin(), segments_.end(), offset,
      [](std::int64_t wanted, const auto& segment) { return wanted < segment->base_offset(); });
  check(after != segments_.begin(), "an offset before the log's start");
  const std::shared_ptr<Segment>& segment = *std::prev(after);

  LogSlice slice{segment, segment->position_before(offset), 0};
  std::uint64_t first_end = slice.position;  // of the batch that holds `offset`
  while (true) {
    const auto header = read_header(segment->file(), slice.position);
    if (!header) return header.error();
    first_end = slice.position + header->size();
    if (header->last_offset() >= offset) break;
    slice.position = first_end;
  }
  const std::uint64_t limit = slice.position + bytes_max;
  std::uint64_t known = limit;
  if (offset_end < segment->next_offset())
    known = std::min(limit, segment->position_before(offset_end));
  std::uint64_t end = segment->boundary_before(slice.position, known);
  while (end < limit && end < segment->end()) {  // what the index does not know, batch by batch
    const auto header = read_header(segment->file(), end);
    if (!header) return header.error();
    if (end + header->size() > limit || header->last_offset() >= offset_end) break;
    end += header->size();
  }
  if (end < first_end && at_least_one) end = first_end;
  slice.size = end < first_end ? 0 : static_cast<std::size_t>(end - slice.position);
  return slice.size == 0 ? LogSlice{} : slice;
}

Result<PartitionLog::TimedOffset> PartitionLog::find_time(std::int64_t timestamp) const {
  for (const auto& segment : segments_) {
    if (segment->max_timestamp() < timestamp) continue;
    std::uint64_t at = segment->position_before_time(timestamp);
    while (at < segment->end()) {
      const auto header = read_header(segment->file(), at);
      if (!header) return header.error();
      if (header->max_timestamp < timestamp || header->last_offset() < start_offset_) {
        at += header->size();
        continue;
      }
      ByteVec bytes(header->size());
      if (const auto got = segment->file().read_at(bytes, at); !got) return got.error();
      ByteVec scratch;
      RecordReader records({*header, bytes}, scratch, kPlainBytesMax);
      while (const auto record = records.next())
        if (record->timestamp >= timestamp && record->offset >= start_offset_)
          return TimedOffset{record->offset, record->timestamp};
      if (!records.status())  // bytes that we store but cannot read: the batch as a whole
        return TimedOffset{std::max(header->base_offset, start_offset_), header->max_timestamp};
      at += header->size();
    }
  }
  return TimedOffset{};
}

PartitionLog::Unsynced PartitionLog::unsynced() const {
  Unsynced found{.folder = folder_unsynced_, .end_offset = end_offset_};
  for (const auto& segment : segments_)
    if (segment->next_offset() > synced_offset_) found.segments.push_back(segment);
  return found;
}

Status PartitionLog::note_synced(const Unsynced& synced) {
  if (synced.folder && segments_.back()->base_offset() <= synced.end_offset)
    folder_unsynced_ = false;
  if (synced.end_offset <= synced_offset_) return Done{};
  synced_offset_ = synced.end_offset;
  return write_marks();
}

std::vector<std::shared_ptr<Segment>> PartitionLog::drop_before(std::int64_t offset) {
  std::vector<std::shared_ptr<Segment>> dropped;
  offset = std::min(offset, end_offset_);
  if (offset <= start_offset_) return dropped;
  start_offset_ = offset;
  if (!settings_.recycle) synced_offset_ = std::max(synced_offset_, start_offset_);
  while (segments_.size() > 1 && segments_.front()->next_offset() <= start_offset_) {
    bytes_ -= segments_.front()->end();
    dropped.push_back(segments_.front());
    segments_.pop_front();
  }
  // The marks come first: a start after this finds files below the log's start and ignores them.
  if (!write_marks()) return {};
  keep_spare(dropped);
  return dropped;
}

std::uint64_t PartitionLog::bytes_from(std::int64_t offset) const {
  std::uint64_t bytes = 0;
  for (auto segment = segments_.rbegin(); segment != segments_.rend(); ++segment) {
    if ((*segment)->next_offset() <= offset) break;
    const bool whole = offset <= (*segment)->base_offset();
    bytes += (*segment)->end() - (whole ? 0 : (*segment)->position_before(offset));
  }
  return bytes;
}

std::vector<std::shared_ptr<Segment>> PartitionLog::closed(std::int64_t offset_end) const {
  std::vector<std::shared_ptr<Segment>> found;
  for (std::size_t i = 0; i + 1 < segments_.size(); ++i)
    if (segments_[i]->next_offset() <= offset_end) found.push_back(segments_[i]);
  return found;
}

bool PartitionLog::replace(const std::vector<std::shared_ptr<Segment>>& old,
                           std::shared_ptr<Segment> fresh) {
  const auto first = std::find(segments_.begin(), segments_.end(), old.front());
  if (static_cast<std::size_t>(segments_.end() - first) <= old.size()) return false;
  if (!std::equal(old.begin(), old.end(), first)) return false;
  check(fresh->base_offset() == old.front()->base_offset() &&
            fresh->next_offset() == old.back()->next_offset(),
        "a compacted segment covers what it replaces");
  for (const auto& segment : old) bytes_ -= segment->end();
  bytes_ += fresh->end();
  *first = std::move(fresh);
  segments_.erase(first + 1, first + static_cast<std::ptrdiff_t>(old.size()));
  return true;
}

std::optional<std::vector<std::shared_ptr<Segment>>> PartitionLog::drop_oldest() {
  const std::int64_t start = start_offset_;
  if (segments_.size() == 1 && (segments_.front()->end() == 0 || !roll())) return std::nullopt;
  auto dropped = drop_before(segments_.front()->next_offset());
  if (start_offset_ == start) return std::nullopt;
  return dropped;
}

}  // namespace ds::kafka::broker
