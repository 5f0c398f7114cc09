#include "record/content_hashes.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace ds {
namespace {

/// Values of the lengths that `length` gives, each with the bytes behind it that may be read.
template <typename Length>
std::vector<ByteVec> random_values(Random& random, std::size_t count, Length&& length) {
  std::vector<ByteVec> values(count);
  for (ByteVec& value : values) {
    value.resize(length() + kHashedBehind);
    for (std::uint8_t& byte : value) byte = static_cast<std::uint8_t>(random());
  }
  return values;
}
std::vector<ByteView> views_of(const std::vector<ByteVec>& values) {
  std::vector<ByteView> views;
  for (const ByteVec& value : values)
    views.push_back(ByteView(value).first(value.size() - kHashedBehind));
  return views;
}

/// Against content_hash(), which takes one at a time.
TEST(ContentHashes, AreThoseOfEachValueAlone) {
  Random random(11);
  for (int round = 0; round < 3000; ++round) {
    const std::size_t from = random.below(80);
    const std::uint64_t spread = std::uint64_t{1} << random.below(11);
    const auto values =
        random_values(random, random.below(50), [&] { return from + random.below(spread); });
    const auto views = views_of(values);
    std::vector<std::uint64_t> hashes(views.size());
    content_hashes(views, hashes.data());
    for (std::size_t i = 0; i < views.size(); ++i)
      ASSERT_EQ(hashes[i], content_hash(views[i])) << "of " << views[i].size() << " bytes";
  }
}

TEST(ContentHashes, AreTheSameByEveryKernel) {
  std::size_t tried = 0;
  for (const content::HashKernel& kernel : content::hash_kernels()) {
    if (!kernel.usable) continue;
    ++tried;
    SCOPED_TRACE(kernel.name);
    Random random(12);
    for (int round = 0; round < 3000; ++round) {
      const std::uint64_t spread = std::uint64_t{1} << random.below(11);
      const auto values =
          random_values(random, content::kTogether, [&] { return random.below(spread); });
      const auto views = views_of(values);
      std::uint64_t hashes[content::kTogether];
      kernel.hash(views.data(), hashes);
      for (std::size_t i = 0; i < views.size(); ++i)
        ASSERT_EQ(hashes[i], content_hash(views[i])) << "of " << views[i].size() << " bytes";
    }
  }
  EXPECT_GE(tried, 1u);
}

}  // namespace
}  // namespace ds
