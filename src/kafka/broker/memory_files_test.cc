#include "kafka/broker/memory_files.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"

namespace ds::kafka::broker {
namespace {

/// Views that follow one another until the file's end.
ByteVec by_views(File& file, std::uint64_t at, std::size_t size) {
  ByteVec seen;
  while (seen.size() < size) {
    const ByteView view = file.view(at + seen.size(), size - seen.size());
    if (view.empty()) break;
    seen.insert(seen.end(), view.begin(), view.end());
  }
  return seen;
}

TEST(MemoryFiles, HoldWhatAVectorWouldHold) {
  constexpr std::uint64_t kSizeMax = 7u << 20;  // several chunks
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    MemoryFiles files;
    auto file = files.open("f", OpenMode::kCreate);
    ASSERT_TRUE(file);
    ByteVec expected;
    for (int step = 0; step < 40; ++step) {
      const std::uint64_t at = random.below(kSizeMax);
      if (random.below(4) == 0) {
        ASSERT_TRUE((*file)->truncate(at));
        expected.resize(at);
      } else {
        ByteVec bytes(random.below(1u << 20));
        for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
        ASSERT_TRUE((*file)->write_at(bytes, at));
        expected.resize(std::max<std::size_t>(expected.size(), at + bytes.size()));
        std::ranges::copy(bytes, expected.begin() + static_cast<std::ptrdiff_t>(at));
      }
      ASSERT_EQ(*(*file)->size(), expected.size());
      const std::uint64_t from = random.below(kSizeMax);
      const std::size_t there = from < expected.size() ? expected.size() - from : 0;
      ByteVec found(random.below(3u << 20));
      const ByteVec seen = by_views(**file, from, found.size());
      const auto got = (*file)->read_at(found, from);
      ASSERT_TRUE(got);
      ASSERT_EQ(*got, std::min(there, found.size()));
      found.resize(*got);
      ASSERT_TRUE(std::equal(found.begin(), found.end(),
                             expected.end() - static_cast<std::ptrdiff_t>(there)));
      ASSERT_EQ(seen, found);
    }
  }
}

TEST(MemoryFiles, ARemovedFileLivesOnWhileItIsOpen) {
  MemoryFiles files;
  auto file = files.open("f", OpenMode::kCreate);
  ASSERT_TRUE(file && (*file)->write_at(as_bytes("kept"), 0));
  ASSERT_TRUE(files.rename("f", "g"));
  ASSERT_FALSE(*files.exists("f"));
  ASSERT_TRUE(files.remove("g"));
  EXPECT_FALSE(files.open("g", OpenMode::kRead));
  EXPECT_EQ(as_text((*file)->view(0, 4)), "kept");
}

}  // namespace
}  // namespace ds::kafka::broker
