// What messages cost. A Produce request frames one batch of the storm; a Fetch response of 32
// partitions is what a pipeline reads; Metadata of 1,024 partitions is the largest usual answer.
#include <chrono>
#include <cstdio>

#include "kafka/wire/messages/00_produce.h"
#include "kafka/wire/messages/01_fetch.h"
#include "kafka/wire/messages/03_metadata.h"
#include "kafka/wire/record_batch.h"

namespace ds::kafka {
namespace {

void measure(const char* what, int turns, auto&& work) {
  using Clock = std::chrono::steady_clock;
  double best = 1e9;
  for (int repeat = 0; repeat < 5; ++repeat) {
    const auto start = Clock::now();
    for (int i = 0; i < turns; ++i) work();
    const std::chrono::duration<double, std::nano> took = Clock::now() - start;
    best = std::min(best, took.count() / turns);
  }
  std::printf("%-44s %10.0f ns\n", what, best);
}

ByteVec batch_of(std::int32_t count) {
  RecordBatchBuilder batch({});
  const ByteVec value(100, 'x');
  for (std::int32_t i = 0; i < count; ++i) batch.add({.timestamp = 1, .value = value});
  return *batch.build();
}

void run() {
  const ByteVec batch = batch_of(8000);
  ProduceRequest produce;
  produce.topic_data = {{.name = "tweets", .partition_data = {{7, Records{batch}}}}};
  Gathered frame;
  measure("gather Produce v7, one batch of 8,000 records", 200'000,
          [&] { gather_request(produce, 7, 1, "datastorm", frame); });
  const ByteVec body = encode(produce, 7);
  measure("decode Produce v7, the same", 200'000, [&] { (void)decode<ProduceRequest>(body, 7); });

  FetchResponse fetch;
  fetch.responses.push_back({.topic = "tweets"});
  for (std::int32_t p = 0; p < 32; ++p)
    fetch.responses[0].partitions.push_back({.partition_index = p, .records = Records{batch}});
  measure("gather Fetch v11, 32 partitions", 50'000, [&] { gather_response(fetch, 11, 1, frame); });
  const ByteVec fetched = encode(fetch, 11);
  measure("decode Fetch v11, 32 partitions", 50'000,
          [&] { (void)decode<FetchResponse>(fetched, 11); });

  MetadataResponse metadata;
  metadata.topics.push_back({.name = "tweets"});
  for (std::int32_t p = 0; p < 1024; ++p)
    metadata.topics[0].partitions.push_back(
        {.partition_index = p, .replica_nodes = {1, 2, 3}, .isr_nodes = {1, 2, 3}});
  const ByteVec answer = encode(metadata, 7);
  measure("encode Metadata v7, 1,024 partitions", 1000, [&] { (void)encode(metadata, 7); });
  measure("decode Metadata v7, 1,024 partitions", 1000,
          [&] { (void)decode<MetadataResponse>(answer, 7); });

  const BatchView view{*BatchHeader::read(batch), batch};
  measure("verify a batch of 8,000 records (0.9 MB)", 2000,
          [&] { (void)view.header.verify(batch); });
  ByteVec scratch;
  std::int64_t sum = 0;
  measure("walk 8,000 records of 100 B", 500, [&] {
    RecordReader records(view, scratch);
    while (const auto record = records.next()) sum += record->offset;
  });
  if (sum == 0) std::printf("nothing read\n");
}

}  // namespace
}  // namespace ds::kafka

int main() {
  ds::kafka::run();
}
