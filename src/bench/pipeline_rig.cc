#include "bench/pipeline_rig.h"

#include <thread>

#include "kafka/client/fetcher.h"

namespace ds {
namespace {

constexpr Nanos kDrainMax = 120 * kSecond;

}  // namespace

Result<std::unique_ptr<Pipeline>> start_pipeline(const PipelineRigSettings& settings,
                                                 std::unique_ptr<Sink> sink, const Clock& clock,
                                                 Log& log) {
  PipelineParts parts{.make_source =
                          [&](kafka::AssignmentListener& listener) {
                            kafka::ClientSettings client;
                            client.brokers = settings.brokers;
                            kafka::ConsumerSettings consumer;
                            consumer.topic = settings.topic;
                            consumer.group = settings.group;
                            return kafka::make_direct_source(client, consumer, listener, clock,
                                                             log);
                          },
                      .sinks = one(std::move(sink))};
  return Pipeline::start({.cluster_id = settings.cluster_id, .flush = settings.flush},
                         std::move(parts), clock, log);
}

Result<PipelineAccount> finish_pipeline(Pipeline& pipeline, std::uint64_t records, Nanos timeout,
                                        const Clock& clock) {
  const Nanos until = clock.now() + timeout;
  while (pipeline.account().stored < records && !pipeline.finished() && clock.now() < until)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  pipeline.stop();
  const PipelineAccount account = pipeline.account();
  if (Status fine = pipeline.outcome(); !fine) return fine.error();
  if (account.stored != records)
    return Error{
        .message = fmt::format("{} records were sent and {} are stored", records, account.stored)};
  return account;
}

Result<double> drain_topic(const PipelineRigSettings& settings, std::unique_ptr<Sink> sink,
                           std::uint64_t records, const Clock& clock, Log& log) {
  auto pipeline = start_pipeline(settings, std::move(sink), clock, log);
  if (!pipeline) return std::move(pipeline).error();
  auto account = finish_pipeline(**pipeline, records, kDrainMax, clock);
  if (!account) return std::move(account).error();
  return static_cast<double>(records) * 1e9 /
         static_cast<double>(std::max<Nanos>(1, account->last_store - account->first_fetch));
}

}  // namespace ds
