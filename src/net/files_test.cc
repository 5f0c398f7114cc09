#include "net/files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>

namespace ds {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct FilesTest : testing::Test {
  FilesTest() {
    std::string name = (std::filesystem::temp_directory_path() / "files-XXXXXX").string();
    folder = mkdtemp(name.data());
  }
  ~FilesTest() override { std::filesystem::remove_all(folder); }

  std::string path(const std::string& name) const { return folder + "/" + name; }

  std::string folder;
  RealFiles files;
};

TEST_F(FilesTest, WritesAndReadsAnywhere) {
  auto file = files.open(path("log"), OpenMode::kCreate);
  ASSERT_TRUE(file);
  ASSERT_TRUE((*file)->write_at(as_bytes("world"), 6));
  ASSERT_TRUE((*file)->write_at(as_bytes("hello "), 0));
  ASSERT_TRUE((*file)->sync());
  EXPECT_EQ((*file)->size().value(), 11U);
  ByteVec got(20);
  EXPECT_EQ((*file)->read_at(got, 3).value(), 8U);  // fewer only at the end
  EXPECT_EQ(as_text(ByteView(got).first(8)), "lo world");
  EXPECT_EQ((*file)->read_at(got, 11).value(), 0U);
  ASSERT_TRUE((*file)->truncate(4));
  EXPECT_EQ(read_file(files, path("log")).value(), "hell");
}

TEST_F(FilesTest, ReservesSpaceAndKeepsWhatIsThere) {
  auto file = files.open(path("log"), OpenMode::kCreate);
  ASSERT_TRUE((*file)->write_at(as_bytes("kept"), 0));
  ASSERT_TRUE((*file)->reserve(1 << 20));
  EXPECT_EQ((*file)->size().value(), 1U << 20);
  ByteVec got(4);
  ASSERT_TRUE((*file)->read_at(got, 0));
  EXPECT_EQ(as_text(got), "kept");
}

TEST_F(FilesTest, KeepsFoldersInOrder) {
  const std::string deep = path("a/b/c");
  EXPECT_FALSE(files.exists(deep).value());
  ASSERT_TRUE(files.make_folder(deep));
  ASSERT_TRUE(files.make_folder(deep));
  EXPECT_TRUE(files.exists(deep).value());
  for (const char* name : {"2", "10", "1"})
    ASSERT_TRUE(files.open(deep + "/" + name, OpenMode::kCreate));
  EXPECT_THAT(files.list(deep).value(), ElementsAre("1", "10", "2"));
  ASSERT_TRUE(files.rename(deep + "/10", deep + "/1"));
  ASSERT_TRUE(files.remove(deep + "/2"));
  ASSERT_TRUE(files.remove(deep + "/2"));
  ASSERT_TRUE(files.sync_folder(deep));
  EXPECT_THAT(files.list(deep).value(), ElementsAre("1"));
  EXPECT_FALSE(files.remove(deep).ok()) << "a folder that is not empty stays";
}

TEST_F(FilesTest, ReplacesAWholeFile) {
  ASSERT_TRUE(replace_file(files, path("mark"), "a long first content"));
  ASSERT_TRUE(replace_file(files, path("mark"), "second"));
  EXPECT_EQ(read_file(files, path("mark")).value(), "second");
  EXPECT_THAT(files.list(folder).value(), ElementsAre("mark"));
  EXPECT_FALSE(read_file(files, path("mark"), 5));
}

TEST_F(FilesTest, ErrorsNameThePathTheReasonAndErrno) {
  const auto missing = files.open(path("none"), OpenMode::kWrite);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message, "cannot open " + path("none") + ": No such file or directory");
  EXPECT_EQ(missing.error().system, ENOENT);
  EXPECT_EQ(missing.error().code, ErrorCode::kStorage);
  EXPECT_FALSE(files.list(path("none")));

  auto full = files.open("/dev/full", OpenMode::kWrite);
  ASSERT_TRUE(full);
  const Status written = (*full)->write_at(as_bytes("x"), 0);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().system, ENOSPC);
  EXPECT_EQ(written.error().message, "cannot write /dev/full: No space left on device");
}

TEST_F(FilesTest, ALockNamesItsHolderAndEndsWithIt) {
  {
    const auto mine = FileLock::take(path("lock"), "datastorm broker on 127.0.0.1:9092");
    ASSERT_TRUE(mine);
    const auto second = FileLock::take(path("lock"), "another");
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().message,
              fmt::format("{} is in use by datastorm broker on 127.0.0.1:9092 (process {})", folder,
                          getpid()));
  }
  EXPECT_TRUE(FileLock::take(path("lock"), "the next one"));
}

}  // namespace
}  // namespace ds
