// Real files that count what is written and how often it is brought to the disk.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "net/files.h"

namespace ds {

/// Threads: any. `slow`, if set, is asked before each write: a disk as slow as it says.
class CountingFiles final : public Files {
 public:
  struct Counts {
    std::atomic<std::uint64_t> writes{0}, bytes{0}, syncs{0};
    std::function<void(std::size_t bytes)> slow;
  };

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override {
    auto file = files_.open(path, mode);
    if (!file) return file;
    return std::unique_ptr<File>(std::make_unique<Counted>(std::move(*file), counts_));
  }
  Status rename(const std::string& from, const std::string& to) override {
    return files_.rename(from, to);
  }
  Status remove(const std::string& path) override { return files_.remove(path); }
  Status make_folder(const std::string& path) override { return files_.make_folder(path); }
  Result<std::vector<std::string>> list(const std::string& folder) override {
    return files_.list(folder);
  }
  Result<bool> exists(const std::string& path) override { return files_.exists(path); }
  Status sync_folder(const std::string& folder) override { return files_.sync_folder(folder); }

  Counts& counts() { return counts_; }

 private:
  class Counted final : public File {
   public:
    Counted(std::unique_ptr<File> file, Counts& counts) : file_(std::move(file)), counts_(counts) {}
    const std::string& path() const override { return file_->path(); }
    Result<std::uint64_t> size() override { return file_->size(); }
    Result<std::size_t> read_at(ByteSpan into, std::uint64_t at) override {
      return file_->read_at(into, at);
    }
    ByteView view(std::uint64_t at, std::size_t size) override { return file_->view(at, size); }
    Status write_at(ByteView bytes, std::uint64_t at) override {
      if (counts_.slow && path().ends_with(".log")) counts_.slow(bytes.size());
      counts_.writes.fetch_add(1, std::memory_order_relaxed);
      counts_.bytes.fetch_add(bytes.size(), std::memory_order_relaxed);
      return file_->write_at(bytes, at);
    }
    Status sync() override {
      counts_.syncs.fetch_add(1, std::memory_order_relaxed);
      return file_->sync();
    }
    Status truncate(std::uint64_t size) override { return file_->truncate(size); }
    Status reserve(std::uint64_t size) override { return file_->reserve(size); }

   private:
    std::unique_ptr<File> file_;
    Counts& counts_;
  };

  RealFiles files_;
  Counts counts_;
};

}  // namespace ds
