// Files behind a small interface, so that a simulated disk can stand in for the real one.
//
//   Result<std::unique_ptr<File>> log = files.open(folder + "/00000000.log", OpenMode::kCreate);
//   Status written = (*log)->write_at(batch, end);
//   if (!written && written.error().system == ENOSPC) …  // full: the caller may try again later
//
// Every error has code kStorage, errno in Error::system, and names the path. A failed sync must not
// be repeated: Linux marks the pages clean, so the next one would succeed and mean nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "net/fd.h"

namespace ds {

enum class OpenMode {
  kRead,    // must exist
  kWrite,   // must exist; for reading and writing
  kCreate,  // for reading and writing; made when missing
};

/// Threads: reads at the same time are fine; one writer.
class File {
 public:
  virtual ~File() = default;
  virtual const std::string& path() const = 0;
  virtual Result<std::uint64_t> size() = 0;
  /// Fills `into` from `at` on; returns fewer bytes only at the end of the file.
  virtual Result<std::size_t> read_at(ByteSpan into, std::uint64_t at) = 0;
  /// Where bytes from `at` on lie in memory: up to `size` of them, perhaps fewer, until they are
  /// overwritten or cut off. Nothing when they have to be read.
  virtual ByteView view(std::uint64_t at, std::size_t size) {
    static_cast<void>(at), static_cast<void>(size);
    return {};
  }
  /// Writes all, or fails; then any part of it may have been written.
  virtual Status write_at(ByteView bytes, std::uint64_t at) = 0;
  /// Returns when the content (not the times) is on the disk: fdatasync.
  virtual Status sync() = 0;
  virtual Status truncate(std::uint64_t size) = 0;
  /// Takes the space for [0, size) from the disk now, so that writing there cannot find it full.
  /// Makes the file as long as that. Where the file system cannot, only the length is set.
  virtual Status reserve(std::uint64_t size) = 0;
};

class Files {
 public:
  virtual ~Files() = default;
  virtual Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) = 0;
  /// Replaces what is at `to`, at once for all readers; durable after sync_folder().
  virtual Status rename(const std::string& from, const std::string& to) = 0;
  /// Removes a file or an empty folder; it is no error when there is none.
  virtual Status remove(const std::string& path) = 0;
  /// Makes the folder and those above it; it is no error when it exists.
  virtual Status make_folder(const std::string& path) = 0;
  /// The names in a folder, sorted, without "." and "..".
  virtual Result<std::vector<std::string>> list(const std::string& folder) = 0;
  virtual Result<bool> exists(const std::string& path) = 0;
  /// Makes creations, renames and removals in the folder survive a power loss.
  virtual Status sync_folder(const std::string& folder) = 0;
};

class RealFiles final : public Files {
 public:
  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Status make_folder(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& folder) override;
  Result<bool> exists(const std::string& path) override;
  Status sync_folder(const std::string& folder) override;
};

/// Holds a file's lock while it lives, so that two processes never write one folder. The lock ends
/// with the process however it ends; the file stays, and names its last holder.
class FileLock {
 public:
  /// `holder` is what the loser of the race is shown: "datastorm broker on 127.0.0.1:9092".
  static Result<FileLock> take(const std::string& path, const std::string& holder);

 private:
  explicit FileLock(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
};

/// A whole small file at once, for settings, certificates and marks; refuses above `bytes_max`.
Result<std::string> read_file(Files& files, const std::string& path,
                              std::size_t bytes_max = 16 << 20);
/// So that a reader sees the old content or the new, also after a power loss: writes beside it,
/// syncs, renames, syncs the folder.
Status replace_file(Files& files, const std::string& path, std::string_view content);

}  // namespace ds
