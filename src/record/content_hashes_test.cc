#include "record/content_hashes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

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

/// Claims lie in topics and are compared by other builds. (Worked out in Python.)
TEST(ContentHash, StaysWhatItIs) {
  std::string text;
  for (int i = 0; i < 300; ++i) text += static_cast<char>('a' + i % 26);
  const struct {
    std::size_t size;
    std::uint64_t hash;
  } cases[] = {{0, 6119199456261255402u},   {1, 17697223138845424531u}, {63, 611356726253535219u},
               {64, 3531747802824267911u},  {65, 7618850830104953168u}, {128, 4051601674110007385u},
               {300, 12410124077642502157u}};
  for (const auto& [size, hash] : cases)
    EXPECT_EQ(content_hash(as_bytes(text.substr(0, size))), hash) << size;
}

TEST(ContentHash, NoticesWhatIsAlteredMovedOrCut) {
  Random random(13);
  for (int round = 0; round < 2000; ++round) {
    ByteVec value(1 + random.below(400));
    for (std::uint8_t& byte : value) byte = static_cast<std::uint8_t>(random());
    const std::uint64_t hash = content_hash(value);
    ByteVec other = value;
    other[random.below(other.size())] ^= static_cast<std::uint8_t>(1u << random.below(8));
    EXPECT_NE(content_hash(other), hash) << "a bit of " << value.size();
    other = value;
    other.pop_back();
    EXPECT_NE(content_hash(other), hash) << "the last of " << value.size();
    other = value;
    other.push_back(0);
    EXPECT_NE(content_hash(other), hash) << "one more than " << value.size();
    if (value.size() < 2) continue;
    const std::size_t wide = 1 + random.below(std::min<std::size_t>(64, value.size() / 2)),
                      from = random.below(value.size() - 2 * wide + 1),
                      to = from + wide + random.below(value.size() - 2 * wide - from + 1);
    other = value;
    std::swap_ranges(other.begin() + static_cast<std::ptrdiff_t>(from),
                     other.begin() + static_cast<std::ptrdiff_t>(from + wide),
                     other.begin() + static_cast<std::ptrdiff_t>(to));
    if (other != value) {
      EXPECT_NE(content_hash(other), hash) << wide << " of " << value.size() << " changed places";
    }
  }
}

}  // namespace
}  // namespace ds
