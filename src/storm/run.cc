#include "storm/run.h"

#include <algorithm>
#include <condition_variable>
#include <limits>
#include <mutex>

#include "base/thread_name.h"

namespace ds {
namespace {

constexpr Nanos kFirstClaimLook = 5 * kMillisecond;

/// The streams of this shard, dealt out over its workers.
std::vector<std::vector<std::uint32_t>> deal_streams(const RunSettings& settings) {
  std::vector<std::vector<std::uint32_t>> hands(static_cast<std::size_t>(settings.threads));
  std::size_t next = 0;
  for (std::uint32_t s = settings.shard; s < settings.claim.streams; s += settings.shards)
    hands[next++ % hands.size()].push_back(s);
  std::erase_if(hands, [](const auto& hand) { return hand.empty(); });
  return hands;
}

/// A schedule with an end has a total of its own.
std::uint64_t total_of(const RunSettings& settings) {
  const auto scheduled = settings.schedule.total();
  if (!scheduled) return settings.total;
  return settings.total == 0 ? *scheduled : std::min(settings.total, *scheduled);
}

}  // namespace

Run::Run(RunSettings settings, RunParts parts, const Clock& clock, Log& log)
    : settings_(std::move(settings)),
      parts_(std::move(parts)),
      clock_(clock),
      log_(log),
      started_(clock.now()),
      plan_(settings_.schedule, settings_.claim.batch_size, total_of(settings_), started_,
            {settings_.shard, settings_.shards, settings_.claim.streams}),
      curve_(settings_.claim.run, settings_.shard),
      mixes_(settings_.claim.mixes) {}

Result<std::unique_ptr<Run>> Run::start(RunSettings settings, RunParts parts, const Clock& clock,
                                        Log& log) {
  if (settings.shards > settings.claim.streams)
    return Error{.code = ErrorCode::kUsage,
                 .message = fmt::format("{} shards cannot share {} streams", settings.shards,
                                        settings.claim.streams),
                 .hint = "use fewer shards, or more --streams"};
  auto run = std::unique_ptr<Run>(new Run(std::move(settings), std::move(parts), clock, log));
  if (auto opened = run->open(); !opened) return std::move(opened).error();
  return run;
}

Status Run::open() {
  const WorkerSettings shared{.streams = settings_.claim.streams,
                              .batch_size = settings_.claim.batch_size,
                              .partitions = settings_.claim.partitions,
                              .batch_bytes_max = settings_.batch_bytes_max,
                              .piece_records_max = settings_.piece_records_max,
                              .acks = settings_.acks,
                              .timestamps_each = settings_.timestamps_each,
                              .drain_timeout = settings_.drain_timeout,
                              .transaction_records = settings_.transaction_records,
                              .abort_rate = settings_.abort_rate,
                              .seed = settings_.claim.seed};
  const DresserSettings dress{.dress = settings_.dress,
                              .run = settings_.claim.run,
                              .seed = settings_.claim.seed,
                              .numbering = {shared.batch_size, shared.streams},
                              .partitions = shared.partitions,
                              .batch_bytes_max = shared.batch_bytes_max};
  for (auto& streams : deal_streams(settings_)) {
    auto worker =
        std::make_unique<Worker>(shared, std::move(streams), plan_, parts_.make_filler(), clock_,
                                 dress.dress.any() ? std::make_unique<Dresser>(dress) : nullptr);
    if (auto opened = worker->open(parts_.make_outlet); !opened) return std::move(opened).error();
    workers_.push_back(std::move(worker));
  }
  if (parts_.earlier) take_up(*parts_.earlier);
  if (settings_.duration != 0) plan_.finish_at(plan_.origin() + settings_.duration);
  // The run's claim comes before its first record, so that whatever is found can be told apart.
  if (auto claimed = parts_.publish(settings_.claim, {}); !claimed)
    return std::move(claimed).error().while_trying("claim the run");
  running_ = static_cast<int>(workers_.size());
  for (auto& worker : workers_)
    threads_.emplace_back([this, &worker = *worker, n = threads_.size()](std::stop_token stop) {
      name_thread(fmt::format("storm-{}", n));
      worker.run(stop);
      if (--running_ == 0) ended_ = clock_.now();
    });
  claimer_ = std::jthread([this](std::stop_token stop) {
    name_thread("claims");
    claim_until_stopped(stop);
  });
  return Done{};
}

void Run::take_up(const TakenUp& earlier) {
  Account made;
  std::uint64_t first = std::numeric_limits<std::uint64_t>::max();
  for (const auto& worker : workers_) {
    worker->take_up(earlier);
    worker->account().add_to(made);
    first = std::min(first, worker->first_batch());
  }
  plan_.take_up(first, made.enqueued);
}

Run::~Run() {
  stop();
}

void Run::stop() {
  if (!claimer_.joinable()) return;
  plan_.finish_at(clock_.now());
  // Workers finish by themselves unless their outlet is stuck.
  for (const Nanos until = clock_.now() + 2 * Plan::kGrace; !finished() && clock_.now() < until;)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  for (auto& thread : threads_) thread.request_stop();
  for (auto& thread : threads_) thread.join();
  claimer_.request_stop();
  claimer_.join();
  settings_.claim.ended_ms = clock_.wall_ms();
  publish_claims(true);
}

void Run::claim_until_stopped(std::stop_token stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  // The first goes out with the first acknowledgement: a run that is killed in its first second
  // has claimed what it was told.
  for (bool first = true; !stop.stop_requested();) {
    const auto interval =
        std::chrono::nanoseconds(first ? kFirstClaimLook : settings_.claim_interval);
    wake.wait_for(lock, stop, interval, [] { return false; });
    if (!stop.stop_requested() && publish_claims(false)) first = false;
  }
}

bool Run::publish_claims(bool last) {
  {
    const std::lock_guard lock(mixes_mutex_);
    settings_.claim.mixes = mixes_;
  }
  ClaimChanges changes;
  const auto partition = [&](std::uint32_t stream) {
    if (settings_.claim.placing != name_of(Placing::kStream)) return -1;  // spread over several
    return static_cast<std::int32_t>(stream %
                                     static_cast<std::uint32_t>(settings_.claim.partitions));
  };
  const auto take = [&](auto& from, auto& to) {
    for (auto& claim : from) {
      claim.run = settings_.claim.run;
      claim.partition = partition(claim.stream);
      to.push_back(std::move(claim));
    }
  };
  for (auto& worker : workers_) {
    ClaimChanges of_worker = worker->ledger().take_changed(clock_.wall_ms() / 1000);
    take(of_worker.streams, changes.streams);
    take(of_worker.windows, changes.windows);
    take(of_worker.gone, changes.gone);
  }
  if (changes.empty() && !last && !curve_begun_) return false;
  const std::int64_t wall_ms = clock_.wall_ms();
  if (!std::exchange(curve_begun_, true))
    curve_.sample(wall_ms - (clock_.now() - plan_.origin()) / kMillisecond, 0, 0);
  const Account now = account();
  curve_.sample(
      wall_ms, now.scheduled,
      settings_.acks == kafka::Acks::kNone ? now.written : now.acknowledged + now.aborted);
  changes.curves = curve_.changed();
  if (last)
    changes.spacings.push_back({.run = settings_.claim.run,
                                .shard = settings_.shard,
                                .wanted_us = spacing_wanted_us(),
                                .bars = spacing_bars(plan_.spacing_ns())});
  if (changes.empty()) return false;
  const auto published = parts_.publish(settings_.claim, changes);
  if (published) {
    claim_failed_ = false;
    curve_.published();
  } else if (!claim_failed_ || last) {
    claim_failed_ = true;
    log_.warn("claims of run {:012x} could not be published: {}", settings_.claim.run,
              published.error().message);
  }
  if (!published)  // they are claimed again with the next ones
    for (auto& worker : workers_) worker->ledger().mark_changed(changes);
  return true;
}

Account Run::account() const {
  Account sum;
  for (const auto& worker : workers_) worker->account().add_to(sum);
  sum.scheduled = std::max(plan_.scheduled(clock_.now()), sum.enqueued);
  return sum;
}

void Run::change_mix(std::uint32_t mix, MixClaim claim) {
  const std::lock_guard lock(mixes_mutex_);
  claim.from_batch = plan_.change_mix(mix);
  std::erase_if(mixes_, [&](const MixClaim& each) { return each.from_batch == claim.from_batch; });
  mixes_.push_back(claim);
}

Histogram Run::wait_us() const {
  Histogram all;
  for (const auto& worker : workers_) worker->account().add_waits_to(all);
  return all;
}

Histogram Run::latency_us() const {
  Histogram all;
  for (const auto& worker : workers_) worker->account().add_to(all);
  return all;
}

void Run::clear_latencies() {
  plan_.clear_spacing();
  for (auto& worker : workers_) worker->account().clear_latencies();
}

double Run::spacing_wanted_us() const {
  const auto rate = settings_.schedule.even_rate();
  if (!rate || *rate <= 0) return 0;
  return static_cast<double>(settings_.claim.batch_size) * settings_.shards * 1e6 / *rate;
}

std::vector<StreamClaim> Run::claims() const {
  std::vector<StreamClaim> all;
  for (const auto& worker : workers_)
    for (StreamClaim& claim : worker->ledger().all()) {
      claim.run = settings_.claim.run;
      all.push_back(std::move(claim));
    }
  return all;
}

Nanos Run::ended() const {
  const Nanos ended = ended_.load();
  return ended != 0 ? ended : clock_.now();
}

}  // namespace ds
