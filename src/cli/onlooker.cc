#include "cli/onlooker.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <set>

#include "base/thread_name.h"
#include "base/units.h"
#include "ledger/exchange.h"

namespace ds::cli {
namespace {

constexpr Nanos kBrokerPatience = 2 * kSecond;
constexpr Nanos kBrokerPause = 5 * kSecond;  // after it did not answer
constexpr Nanos kStillAfter = 5 * kSecond;   // without a new row

}  // namespace

void show_store(const StoreSeen& seen, const ClaimBook& claims, Snapshot& into) {
  into.stored = seen.stored;
  into.retired = seen.retired;
  if (seen.whole) into.store.rows = seen.stored - std::min(seen.stored, seen.retired);
  for (const auto& [brand, counts] : seen.by_brand) {
    into.by_brand[brand] = {counts[0], counts[1], counts[2]};
    into.sentiment.positive += counts[0];
    into.sentiment.negative += counts[1];
    into.sentiment.neutral += counts[2];
    into.brands.push_back(brand);
  }
  Counters& sum = into.counters;
  for (const auto& [id, claimed] : claims.runs())
    for (const auto& [number, stream] : claimed.streams) {
      sum.acknowledged += stream.acknowledged.count();
      sum.failed += stream.failed.count();
      sum.unknown += stream.unknown.count();
      sum.written += stream.acknowledged.count() + stream.written.count() + stream.unknown.count();
    }
  sum.scheduled = sum.enqueued = sum.written + sum.failed;
  if (const ClaimedRun* latest = claims.latest()) {
    into.run = fmt::format("{:012x}", latest->run.run);
    into.acks = latest->run.acks;
    into.started_ms = latest->run.started_ms;
  }
}

BalanceShown claimed_and_stored(const Snapshot& s, bool lag_is_known) {
  const std::uint64_t claimed = s.acks == "0" ? s.counters.written : s.counters.acknowledged;
  if (claimed == 0) return {.text = "nothing is claimed of what this store holds"};
  if (s.stored >= claimed)
    return {.text = fmt::format("{} claimed, {} stored; datastorm verify compares them one by one",
                                with_commas(claimed), with_commas(s.stored))};
  const std::uint64_t open = claimed - s.stored;
  if (s.state == "running" || !lag_is_known || s.lag.records > 0)
    return {.text = fmt::format("{} of {} claimed are not stored yet", with_commas(open),
                                with_commas(claimed))};
  return {.ok = false,
          .missing = open,
          .text = fmt::format("{} claimed tweets are not stored; datastorm verify names them",
                              with_commas(open))};
}

Onlooker::Onlooker(Settings settings, const Clock& clock, Log& log)
    : settings_(std::move(settings)), clock_(clock), log_(log), started_(clock.now()) {
  latest_.baseline = settings_.was_there;  // until the first look
  if (settings_.brokers) {
    kafka::ClientSettings client = *settings_.brokers;
    client.request_timeout = kBrokerPatience;
    admin_.emplace(client, clock_, log_);
  }
  thread_ = std::jthread([this](std::stop_token stop) { look_until(std::move(stop)); });
}

Snapshot Onlooker::snapshot() const {
  Snapshot s;
  {
    const std::lock_guard lock(mutex_);
    s = latest_;
  }
  s.now_ms = clock_.wall_ms();
  s.elapsed_s = static_cast<double>(clock_.now() - started_) / 1e9;
  return s;
}

void Onlooker::look_until(std::stop_token stop) {
  name_thread("onlooker");
  std::mutex mutex;
  std::condition_variable_any wake;
  while (!stop.stop_requested()) {
    look();
    if (watch_ && !watch_->seen().whole) continue;
    std::unique_lock lock(mutex);
    wake.wait_for(lock, stop, std::chrono::milliseconds(250), [] { return false; });
  }
}

void Onlooker::look() {
  Snapshot s;
  s.acks = "";
  s.store = settings_.store;
  const bool seen = look_at_store(s);
  s.baseline = settings_.was_there && !(watch_ && watch_->seen().whole);
  const bool first = settings_.was_there && latest_.baseline;  // what it held before is no news
  if (s.stored != stored_before_ && !s.baseline && !first) stored_at_ = clock_.now();
  stored_before_ = s.stored;
  s.state = stored_at_ != 0 && clock_.now() - stored_at_ < kStillAfter ? "running" : "stopped";
  if (admin_) look_at_broker(s);
  if (seen) s.balance = claimed_and_stored(s, lag_is_known_);
  const std::lock_guard lock(mutex_);
  latest_ = std::move(s);
}

/// False when there is nothing to see; the balance then says why.
bool Onlooker::look_at_store(Snapshot& into) {
  if (!watch_) {
    auto opened = settings_.open();
    if (!opened) {
      into.balance.text = into.store.durability = opened.error().message;
      say(opened.error().message + "; trying again");
      return false;
    }
    watch_ = std::move(*opened);
    say(fmt::format("looking at {}", settings_.store.path));
  }
  const Status looked = watch_->look();
  if (!looked) say(looked.error().message);
  show_store(watch_->seen(), claims(), into);
  into.store.durability = watch_->seen().whole ? "read only" : "read only, still being counted";
  if (!looked) into.store.durability = looked.error().message;
  return true;
}

void Onlooker::look_at_broker(Snapshot& into) {
  if (watch_ && clock_.now() >= ask_broker_at_) {
    const auto asked = ask_for_lag();
    broker_is_silent_ = !asked;
    lag_is_known_ = asked.ok();
    if (!asked) log_.warn("the lag is not known: {}", asked.error().message);
    ask_broker_at_ = clock_.now() + (asked ? kSecond : kBrokerPause);
  }
  into.broker.address = settings_.brokers->brokers.front().to_string();
  if (broker_is_silent_) into.broker.durability = "not known: it does not answer";
  into.lag = lag_;
}

/// How far the topics' ends lie beyond where the store goes on.
Status Onlooker::ask_for_lag() {
  if (cluster_.empty()) {
    auto cluster = admin_->cluster_id();
    if (!cluster) return std::move(cluster).error();
    cluster_ = *cluster;
  }
  if (watch_->claims() == nullptr && clock_.now() >= ask_claims_at_) {
    if (auto read = read_claims(*admin_)) topics_claims_ = std::move(*read);
    ask_claims_at_ = clock_.now() + kBrokerPause;
  }
  lag_ = {};
  const auto next = places();
  if (!next) return next.error();
  std::set<std::string> topics;
  for (const auto& [from, offset] : *next) topics.insert(from.topic);
  for (const std::string& topic : topics) {
    const auto ends = admin_->end_offsets(topic);
    if (!ends) return ends.error();
    for (const auto& [partition, end] : *ends) {
      const auto found = next->find({topic, partition});
      const std::int64_t from = found == next->end() ? 0 : found->second;
      lag_.records += static_cast<std::uint64_t>(std::max<std::int64_t>(0, end - from));
    }
  }
  const std::int64_t age_ms = clock_.wall_ms() - watch_->seen().newest_ms;
  if (lag_.records > 0)
    lag_.seconds = static_cast<double>(std::max<std::int64_t>(0, age_ms)) / 1000;
  return Done{};
}

/// Where each partition goes on: by the store's word, else by the group's. Nothing is known of a
/// store that is filled from elsewhere.
Result<Sink::Offsets> Onlooker::places() {
  if (watch_->claims() != nullptr) {
    const auto& all = watch_->seen().next_offsets;
    const auto found = all.find(cluster_);
    return found == all.end() ? Sink::Offsets() : found->second;
  }
  const auto committed = admin_->group_committed(settings_.group, settings_.topic);
  if (!committed) return committed.error();
  Sink::Offsets next;
  for (const auto& [partition, offset] : *committed) next[{settings_.topic, partition}] = offset;
  return next;
}

const ClaimBook& Onlooker::claims() const {
  const ClaimBook* const own = watch_->claims();
  return own ? *own : topics_claims_;
}

void Onlooker::say(const std::string& what) {
  if (what == said_) return;
  said_ = what;
  log_.info("{}", what);
}

}  // namespace ds::cli
