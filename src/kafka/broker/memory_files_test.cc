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

/// Writes `size` bytes into a fresh file; where they lie.
const std::uint8_t* written(MemoryFiles& files, const std::string& path, std::size_t size,
                            std::unique_ptr<File>& file) {
  auto opened = files.open(path, OpenMode::kCreate);
  if (!opened || !(*opened)->write_at(ByteVec(size, 7), 0)) return nullptr;
  file = std::move(*opened);
  return file->view(0, 1).data();
}

TEST(MemoryFiles, ChunksOfAFileThatIsGoneServeOneThatBeginsLarge) {
  MemoryFiles files;
  std::unique_ptr<File> file, small, large;
  const std::uint8_t* const was_at = written(files, "old", 200'000, file);
  ASSERT_NE(was_at, nullptr);
  file.reset();
  ASSERT_TRUE(files.remove("old"));
  EXPECT_NE(written(files, "small", 1000, small), was_at);
  EXPECT_EQ(written(files, "large", 100'000, large), was_at);
  // What the old file held is not to be seen: a gap reads as zeros.
  ASSERT_TRUE(large->write_at(as_bytes("x"), 150'000));
  ByteVec gap(50'000);
  ASSERT_TRUE(large->read_at(gap, 100'000));
  EXPECT_EQ(std::ranges::count(gap, 0), 50'000);
}

}  // namespace
}  // namespace ds::kafka::broker
