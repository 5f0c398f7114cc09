#include "kafka/client/frame_pool.h"

#include <gtest/gtest.h>

namespace ds::kafka {
namespace {

constexpr std::size_t kMiB = 1u << 20;

TEST(FramePool, HandsOutWhatIsLargeEnoughAndNotMuchLarger) {
  FramePool pool;
  for (const std::size_t size : {std::size_t{1}, std::size_t{4096}, std::size_t{4097}, kMiB - 1,
                                 kMiB + 1, 16 * kMiB + 80, 100 * kMiB}) {
    SCOPED_TRACE(size);
    const auto buffer = pool.take(size);
    EXPECT_GE(buffer->size(), size);
    EXPECT_LE(buffer->size(), size + size / 8 + 4096);
    EXPECT_EQ(pool.bytes_out(), buffer->size());
  }
  EXPECT_EQ(pool.bytes_out(), 0u);
}

TEST(FramePool, UsesTheBufferAgainThatWasUsedLast) {
  FramePool pool;
  auto first = pool.take(kMiB), second = pool.take(kMiB);
  const auto* const at = first->span().data();
  second.reset();
  first.reset();
  EXPECT_EQ(pool.take(kMiB - 50'000)->span().data(), at);  // a little smaller will do, too
  const auto half = pool.take(kMiB / 2 - 1);
  EXPECT_NE(half->span().data(), at);  // much smaller is a waste
  EXPECT_NE(pool.take(2 * kMiB)->span().data(), at);
}

TEST(FramePool, KeepsNoMoreThanItMay) {
  FramePool pool(2 * kMiB);
  std::vector<std::shared_ptr<FrameBuffer>> all;
  for (int i = 0; i < 4; ++i) all.push_back(pool.take(kMiB));
  std::vector<const std::uint8_t*> places;
  for (auto& each : all) places.push_back(each->span().data());
  for (auto& each : all) each.reset();
  EXPECT_EQ(pool.bytes_out(), 0u);
  // Of four the last two are still there.
  all[0] = pool.take(kMiB);
  all[1] = pool.take(kMiB);
  EXPECT_EQ(all[0]->span().data(), places[3]);
  EXPECT_EQ(all[1]->span().data(), places[2]);
}

TEST(FramePool, BuffersOutliveIt) {
  std::shared_ptr<FrameBuffer> left;
  {
    FramePool pool;
    left = pool.take(5000);
  }
  left->span()[4999] = 1;
  EXPECT_EQ(left->span()[4999], 1);
}

}  // namespace
}  // namespace ds::kafka
