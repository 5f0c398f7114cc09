#include "kafka/broker/memory_files.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

namespace ds::kafka::broker {
namespace {

Error memory_error(std::string_view what, const std::string& path, int error) {
  return Error{.code = ErrorCode::kStorage,
               .message = fmt::format("cannot {} {} in memory: {}", what, path, strerror(error)),
               .system = error};
}

class MemoryFile final : public File {
 public:
  MemoryFile(std::shared_ptr<const Fd> fd, std::string path)
      : fd_(std::move(fd)), path_(std::move(path)) {}

  const std::string& path() const override { return path_; }
  Result<std::uint64_t> size() override {
    struct stat status {};
    if (fstat(fd_->get(), &status) != 0) return memory_error("measure", path_, errno);
    return static_cast<std::uint64_t>(status.st_size);
  }
  Result<std::size_t> read_at(ByteSpan into, std::uint64_t at) override {
    std::size_t got = 0;
    while (got < into.size()) {
      const auto n =
          pread(fd_->get(), into.data() + got, into.size() - got, static_cast<off_t>(at + got));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return memory_error("read", path_, errno);
      if (n == 0) break;
      got += static_cast<std::size_t>(n);
    }
    return got;
  }
  Status write_at(ByteView bytes, std::uint64_t at) override {
    while (!bytes.empty()) {
      const auto n = pwrite(fd_->get(), bytes.data(), bytes.size(), static_cast<off_t>(at));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return memory_error("write", path_, errno);
      bytes = bytes.subspan(static_cast<std::size_t>(n));
      at += static_cast<std::uint64_t>(n);
    }
    return Done{};
  }
  Status sync() override { return Done{}; }
  Status truncate(std::uint64_t size) override {
    if (ftruncate(fd_->get(), static_cast<off_t>(size)) == 0) return Done{};
    return memory_error("cut", path_, errno);
  }
  Status reserve(std::uint64_t size) override { return truncate(size); }

 private:
  std::shared_ptr<const Fd> fd_;
  std::string path_;
};

}  // namespace

Result<std::unique_ptr<File>> MemoryFiles::open(const std::string& path, OpenMode mode) {
  const std::lock_guard lock(mutex_);
  auto& fd = files_[path];
  if (!fd) {
    if (mode == OpenMode::kCreate) {
      Fd made(memfd_create("datastorm", MFD_CLOEXEC));
      if (made) fd = std::make_shared<const Fd>(std::move(made));
    }
    if (!fd) {
      const int error = mode == OpenMode::kCreate ? errno : ENOENT;
      files_.erase(path);
      return memory_error("open", path, error);
    }
  }
  return std::unique_ptr<File>(std::make_unique<MemoryFile>(fd, path));
}

Status MemoryFiles::rename(const std::string& from, const std::string& to) {
  const std::lock_guard lock(mutex_);
  const auto found = files_.find(from);
  if (found == files_.end()) return memory_error("rename", from, ENOENT);
  files_[to] = std::move(found->second);
  files_.erase(from);
  return Done{};
}

Status MemoryFiles::remove(const std::string& path) {
  const std::lock_guard lock(mutex_);
  files_.erase(path);
  folders_.erase(path);
  return Done{};
}

Status MemoryFiles::make_folder(const std::string& path) {
  const std::lock_guard lock(mutex_);
  for (auto end = path.find('/', 1); end != path.npos; end = path.find('/', end + 1))
    folders_.insert(path.substr(0, end));
  folders_.insert(path);
  return Done{};
}

Result<std::vector<std::string>> MemoryFiles::list(const std::string& folder) {
  const std::lock_guard lock(mutex_);
  if (!folders_.contains(folder)) return memory_error("list", folder, ENOENT);
  std::set<std::string> names;
  const std::string prefix = folder + "/";
  const auto note = [&](const std::string& path) {
    names.insert(path.substr(prefix.size(), path.find('/', prefix.size()) - prefix.size()));
  };
  for (auto each = files_.lower_bound(prefix);
       each != files_.end() && each->first.starts_with(prefix); ++each)
    note(each->first);
  for (auto each = folders_.lower_bound(prefix);
       each != folders_.end() && each->starts_with(prefix); ++each)
    note(*each);
  return std::vector<std::string>(names.begin(), names.end());
}

Result<bool> MemoryFiles::exists(const std::string& path) {
  const std::lock_guard lock(mutex_);
  return files_.contains(path) || folders_.contains(path);
}

}  // namespace ds::kafka::broker
