#include "bench/resend_probe.h"

#include <gtest/gtest.h>

#include "bench/discard_peer.h"
#include "kafka/wire/record_batch.h"

namespace ds {
namespace {

ByteVec batch_of(int records) {
  kafka::RecordBatchBuilder builder({});
  for (int i = 0; i < records; ++i) builder.add({.timestamp = i, .value = as_bytes("a tweet")});
  return builder.build().value();
}

TEST(Resend, CountsWhatThePeerCounted) {
  struct Case {
    const char* what;
    std::int32_t partitions;
    int connections, in_flight;
  };
  const Case cases[] = {{"one of each", 1, 1, 1},
                        {"several in flight", 32, 4, 4},
                        {"more connections than partitions", 3, 8, 2}};
  const SystemClock clock;
  NoLog log;
  const ByteVec batch = batch_of(100);
  for (const auto& [what, partitions, connections, in_flight] : cases) {
    SCOPED_TRACE(what);
    auto peer = DiscardPeer::start(partitions);
    ASSERT_TRUE(peer.ok());
    auto resent = resend({.brokers = {(*peer)->address()},
                          .topic = "t",
                          .connections = connections,
                          .in_flight = in_flight,
                          .duration = 20 * kMillisecond},
                         batch, clock, log);
    ASSERT_TRUE(resent.ok()) << resent.error().message;
    EXPECT_GT(resent->batches, 0u);
    EXPECT_EQ(resent->batches, (*peer)->batches());
    EXPECT_EQ(resent->batches * 100, (*peer)->records());
  }
}

}  // namespace
}  // namespace ds
