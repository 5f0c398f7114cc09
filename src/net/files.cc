#include "net/files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

namespace ds {
namespace {

Error file_error(std::string_view what, const std::string& path, int error) {
  std::string hint;
  if (error == ENOSPC || error == EDQUOT) hint = "free some space on that disk";
  if (error == EACCES || error == EPERM) hint = "check who owns it and its permissions";
  if (error == EMFILE || error == ENFILE) hint = "raise the limit of open files (ulimit -n)";
  return Error{.code = ErrorCode::kStorage,
               .message = fmt::format("cannot {} {}: {}", what, path, strerror(error)),
               .hint = std::move(hint),
               .system = error};
}

Status done_or(bool ok, std::string_view what, const std::string& path) {
  if (ok) return Done{};
  return file_error(what, path, errno);
}

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == path.npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

class RealFile final : public File {
 public:
  RealFile(Fd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  const std::string& path() const override { return path_; }

  Result<std::uint64_t> size() override {
    struct stat status {};
    if (fstat(fd_.get(), &status) != 0) return file_error("measure", path_, errno);
    return static_cast<std::uint64_t>(status.st_size);
  }

  Result<std::size_t> read_at(ByteSpan into, std::uint64_t at) override {
    std::size_t got = 0;
    while (got < into.size()) {
      const auto n =
          pread(fd_.get(), into.data() + got, into.size() - got, static_cast<off_t>(at + got));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return file_error("read", path_, errno);
      if (n == 0) break;
      got += static_cast<std::size_t>(n);
    }
    return got;
  }

  Status write_at(ByteView bytes, std::uint64_t at) override {
    while (!bytes.empty()) {
      const auto n = pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(at));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return file_error("write", path_, errno);
      bytes = bytes.subspan(static_cast<std::size_t>(n));
      at += static_cast<std::uint64_t>(n);
    }
    return Done{};
  }

  Status sync() override { return done_or(fdatasync(fd_.get()) == 0, "sync", path_); }

  Status truncate(std::uint64_t size) override {
    return done_or(ftruncate(fd_.get(), static_cast<off_t>(size)) == 0, "cut", path_);
  }

  Status reserve(std::uint64_t size) override {
    if (fallocate(fd_.get(), 0, 0, static_cast<off_t>(size)) == 0) return Done{};
    if (errno != EOPNOTSUPP) return file_error("reserve space for", path_, errno);
    auto now = this->size();
    if (!now) return std::move(now).error();
    if (*now >= size) return Done{};
    return truncate(size);
  }

 private:
  Fd fd_;
  std::string path_;
};

}  // namespace

Result<std::unique_ptr<File>> RealFiles::open(const std::string& path, OpenMode mode) {
  int flags = O_CLOEXEC;
  if (mode == OpenMode::kRead) flags |= O_RDONLY;
  if (mode == OpenMode::kWrite) flags |= O_RDWR;
  if (mode == OpenMode::kCreate) flags |= O_RDWR | O_CREAT;
  Fd fd(::open(path.c_str(), flags, 0644));
  if (!fd) return file_error("open", path, errno);
  return std::unique_ptr<File>(std::make_unique<RealFile>(std::move(fd), path));
}

Status RealFiles::rename(const std::string& from, const std::string& to) {
  return done_or(::rename(from.c_str(), to.c_str()) == 0, "rename to " + to + " the file", from);
}

Status RealFiles::remove(const std::string& path) {
  return done_or(::remove(path.c_str()) == 0 || errno == ENOENT, "remove", path);
}

Status RealFiles::make_folder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return file_error("make the folder", path, error.value());
  return Done{};
}

Result<std::vector<std::string>> RealFiles::list(const std::string& folder) {
  std::error_code error;
  std::vector<std::string> names;
  std::filesystem::directory_iterator entry(folder, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error))
    names.push_back(entry->path().filename().string());
  if (error) return file_error("list", folder, error.value());
  std::sort(names.begin(), names.end());
  return names;
}

Result<bool> RealFiles::exists(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) == 0) return true;
  if (errno == ENOENT || errno == ENOTDIR) return false;
  return file_error("look at", path, errno);
}

Status RealFiles::sync_folder(const std::string& folder) {
  const Fd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return file_error("open the folder", folder, errno);
  return done_or(fsync(fd.get()) == 0, "sync the folder", folder);
}

Result<FileLock> FileLock::take(const std::string& path, const std::string& holder) {
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!fd) return file_error("open", path, errno);
  if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return file_error("lock", path, errno);
    char text[256];
    const auto length = pread(fd.get(), text, sizeof text, 0);
    std::string_view who(text, length > 0 ? static_cast<std::size_t>(length) : 0);
    who = who.substr(0, who.find('\n'));
    return Error{.code = ErrorCode::kStorage,
                 .message = fmt::format("{} is in use by {}", folder_of(path),
                                        who.empty() ? "another process" : who),
                 .hint = "stop that one first, or choose another folder",
                 .system = EWOULDBLOCK};
  }
  const std::string text = fmt::format("{} (process {})\n", holder, getpid());
  const bool written =
      ftruncate(fd.get(), 0) == 0 &&
      pwrite(fd.get(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size());
  if (!written) return file_error("write", path, errno);
  return FileLock(std::move(fd));
}

Result<std::string> read_file(Files& files, const std::string& path, std::size_t bytes_max) {
  auto file = files.open(path, OpenMode::kRead);
  if (!file) return std::move(file).error();
  auto size = (*file)->size();
  if (!size) return std::move(size).error();
  if (*size > bytes_max) return file_error("read", path, EFBIG);
  std::string content(*size, '\0');
  auto got = (*file)->read_at({reinterpret_cast<std::uint8_t*>(content.data()), content.size()}, 0);
  if (!got) return std::move(got).error();
  content.resize(*got);
  return content;
}

Status replace_file(Files& files, const std::string& path, std::string_view content) {
  const std::string beside = path + ".new";
  auto file = files.open(beside, OpenMode::kCreate);
  if (!file) return std::move(file).error();
  if (auto status = (*file)->truncate(0); !status) return status;
  if (auto status = (*file)->write_at(as_bytes(content), 0); !status) return status;
  if (auto status = (*file)->sync(); !status) return status;
  if (auto status = files.rename(beside, path); !status) return status;
  return files.sync_folder(folder_of(path));
}

}  // namespace ds
