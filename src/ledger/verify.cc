#include "ledger/verify.h"

#include "ledger/read_tweets.h"
#include "ledger/record_id.h"

namespace ds {
namespace {

std::optional<Reading> reading_of(const kafka::RecordView& record, TweetDecoder& decoder) {
  if (!record.value || record.value->empty()) return std::nullopt;
  const ByteView value = *record.value;
  return value[0] == '{' ? decoder.reading(value) : decode_avro_reading(value);
}

/// Starts everything where it is told, and forgets nothing.
class StartAt final : public kafka::AssignmentListener {
 public:
  explicit StartAt(const std::map<kafka::TopicPartition, std::int64_t>& starts) : starts_(starts) {}
  std::map<kafka::TopicPartition, std::int64_t> on_assigned(const kafka::Assigned&) override {
    return starts_;
  }
  void on_revoked(const std::vector<kafka::TopicPartition>&) override {}

 private:
  const std::map<kafka::TopicPartition, std::int64_t>& starts_;
};

/// Where reading `fetched` leaves off.
std::int64_t next_offset(const kafka::Fetched& fetched) {
  std::int64_t next = fetched.first_offset;
  kafka::BatchCursor batches(fetched.bytes);
  while (const auto batch = batches.next()) next = batch->header.next_offset();
  return next;
}

}  // namespace

Result<const ClaimedRun*> choose_run(const ClaimBook& book, const std::string& name) {
  const auto run = [&]() -> const ClaimedRun* {
    if (name == "latest") return book.latest();
    for (const auto& [id, claimed] : book.runs())
      if (run_name(id) == name) return &claimed;
    return nullptr;
  }();
  if (run != nullptr) return run;
  std::string known;
  for (const auto& [id, claimed] : book.runs()) known += " " + run_name(id);
  if (known.empty())
    return Error{.message = "no run has been claimed here",
                 .hint = "verify needs the claims that `datastorm produce` publishes"};
  return Error{.code = ErrorCode::kUsage,
               .message = fmt::format("there is no run '{}'", name),
               .hint = "latest, or one of:" + known};
}

void visit_records(const kafka::Fetched& fetched, ByteVec& scratch, TweetDecoder& decoder,
                   StageVisitor& visitor) {
  visitor.partition(fetched.from.partition);
  kafka::BatchCursor batches(fetched.bytes);
  while (const auto batch = batches.next()) {
    const kafka::BatchHeader& header = batch->header;
    if (header.control()) continue;
    std::int64_t next = std::max(header.base_offset, fetched.first_offset);
    Status sound = header.verify(batch->bytes);
    if (sound) {
      kafka::RecordReader records(*batch, scratch);
      while (const auto record = records.next()) {
        if (record->offset < fetched.first_offset) continue;
        next = record->offset + 1;
        if (const auto id = id_in_headers(*record)) {
          visitor.payload(*id, content_hash(record->value.value_or(ByteView{})), record->timestamp);
          continue;
        }
        const auto tweet = record->value ? decoder.decode(*record->value) : std::nullopt;
        if (tweet)
          visitor.tweet(*tweet);
        else if (const auto reading = reading_of(*record, decoder))
          visitor.reading(*reading);
        else
          visitor.foreign(1);
      }
      sound = records.status();
    }
    if (!sound && next <= header.last_offset())
      visitor.foreign(static_cast<std::uint64_t>(header.last_offset() - next + 1));
  }
  decoder.forget();
}

Status TopicStage::read(StageVisitor& visitor) {
  StartAt listener(starts_);
  auto source = make_source_(listener);
  if (!source) return std::move(source).error();
  auto waiting = ends_;
  std::erase_if(waiting, [&](const auto& end) {
    const auto start = starts_.find(end.first);
    return end.second <= (start == starts_.end() ? 0 : start->second);
  });
  ByteVec scratch;
  TweetDecoder decoder;
  std::vector<kafka::Fetched> fetched;
  for (Nanos heard = clock_.now(); !waiting.empty();) {
    fetched.clear();
    if (auto polled = (*source)->poll(100 * kMillisecond, fetched); !polled)
      return std::move(polled).error();
    if (!fetched.empty())
      heard = clock_.now();
    else if (clock_.now() - heard > patience_)
      return Error{.code = ErrorCode::kTimeout,
                   .message = fmt::format("{} partitions of {} have not been read to their end",
                                          waiting.size(), topic_),
                   .hint = "is every broker up?"};
    for (const kafka::Fetched& each : fetched) {
      visit_records(each, scratch, decoder, visitor);
      const auto end = waiting.find(each.from);
      if (end != waiting.end() && next_offset(each) >= end->second) waiting.erase(end);
    }
  }
  (*source)->close(clock_.now() + kSecond);
  return Done{};
}

}  // namespace ds
