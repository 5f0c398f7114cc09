#include "ledger/verify.h"

#include "ledger/read_tweets.h"

namespace ds {
namespace {

struct HoldingsVisitor {
  Holdings& into;
  TweetIdReader ids = {};

  void tweet(const kafka::RecordView&, const TweetView& tweet, Sentiment) {
    if (const auto id = ids.read(tweet.tweet_id))
      into.add(*id);
    else
      into.add_foreign();
  }
  void undecodable(const Undecodable& what) { into.add_foreign(what.count()); }
  void batch_done(const kafka::BatchHeader&) {}
};

/// Starts everything where it is told, and forgets nothing.
class StartAt final : public kafka::AssignmentListener {
 public:
  explicit StartAt(const std::map<kafka::TopicPartition, std::int64_t>& starts) : starts_(starts) {}
  std::map<kafka::TopicPartition, std::int64_t> on_assigned(
      const std::vector<kafka::TopicPartition>&) override {
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

void hold(const kafka::Fetched& fetched, ByteVec& scratch, Holdings& into) {
  read_tweets(fetched, scratch, HoldingsVisitor{into});
}

Result<Verdict> verify_topic(const ClaimedRun& claimed, const MakeSource& make_source,
                             const std::map<kafka::TopicPartition, std::int64_t>& starts,
                             const std::map<kafka::TopicPartition, std::int64_t>& ends,
                             Nanos patience, const Clock& clock) {
  StartAt listener(starts);
  auto source = make_source(listener);
  if (!source) return std::move(source).error();
  auto waiting = ends;
  std::erase_if(waiting, [&](const auto& end) {
    const auto start = starts.find(end.first);
    return end.second <= (start == starts.end() ? 0 : start->second);
  });
  Holdings held;
  ByteVec scratch;
  std::vector<kafka::Fetched> fetched;
  for (Nanos heard = clock.now(); !waiting.empty();) {
    fetched.clear();
    if (auto polled = (*source)->poll(100 * kMillisecond, fetched); !polled)
      return std::move(polled).error();
    if (!fetched.empty())
      heard = clock.now();
    else if (clock.now() - heard > patience)
      return Error{.code = ErrorCode::kTimeout,
                   .message = fmt::format("{} partitions of {} have not been read to their end",
                                          waiting.size(), claimed.run.topic),
                   .hint = "is every broker up?"};
    for (const kafka::Fetched& each : fetched) {
      hold(each, scratch, held);
      const auto end = waiting.find(each.from);
      if (end != waiting.end() && next_offset(each) >= end->second) waiting.erase(end);
    }
  }
  (*source)->close(clock.now() + kSecond);
  return balance(claimed, held, "topic " + claimed.run.topic);
}

}  // namespace ds
