#include "kafka/broker/memory_files.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <shared_mutex>
#include <utility>
#include <vector>

namespace ds::kafka::broker {
namespace {

Error memory_error(std::string_view what, const std::string& path, int error) {
  return Error{.code = ErrorCode::kStorage,
               .message = fmt::format("cannot {} {} in memory: {}", what, path, strerror(error)),
               .system = error};
}

/// Anonymous memory in chunks, of which the kernel gives those pages that are touched.
class Chunk {
 public:
  static constexpr std::size_t kBytes = 2u << 20;

  static Result<Chunk> map(bool huge, const std::string& path) {
    // A huge page costs a fault and a look-up for 2 MiB; it must lie at a multiple of its size.
    const std::size_t asked = huge ? 2 * kBytes : kBytes;
    void* const got = mmap(nullptr, asked, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (got == MAP_FAILED) return memory_error("grow", path, errno);
    Chunk chunk;
    chunk.bytes_ = static_cast<std::uint8_t*>(got);
    if (!huge) return chunk;
    const std::size_t before = (kBytes - reinterpret_cast<std::uintptr_t>(got) % kBytes) % kBytes;
    if (before > 0) munmap(got, before);
    chunk.bytes_ += before;
    munmap(chunk.bytes_ + kBytes, kBytes - before);
    madvise(chunk.bytes_, kBytes, MADV_HUGEPAGE);  // a wish; small pages do as well
    return chunk;
  }
  Chunk(Chunk&& other) noexcept : bytes_(std::exchange(other.bytes_, nullptr)) {}
  Chunk& operator=(Chunk&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Chunk() {
    if (bytes_) munmap(bytes_, kBytes);
  }
  std::uint8_t* bytes() const { return bytes_; }

 private:
  Chunk() = default;
  std::uint8_t* bytes_ = nullptr;
};

}  // namespace

/// Chunks of files that are gone, for those that come: their pages need not be cleared by the
/// kernel again, which took three quarters of the broker's time while a storm ran.
class MemoryFiles::Spares {
 public:
  static constexpr std::size_t kMax = 128;  // chunks

  std::optional<Chunk> take() {
    const std::lock_guard lock(mutex_);
    if (chunks_.empty()) return std::nullopt;
    Chunk chunk = std::move(chunks_.back());
    chunks_.pop_back();
    return chunk;
  }
  void keep(Chunk chunk) {
    const std::lock_guard lock(mutex_);
    if (chunks_.size() < kMax) chunks_.push_back(std::move(chunk));
  }

 private:
  std::mutex mutex_;
  std::vector<Chunk> chunks_;
};

/// What a file holds. Its chunks stay where they are until they are cut off. A chunk that comes
/// from the spares holds old bytes: what lies before `size` is written or cleared, nothing else is
/// ever shown.
struct MemoryFiles::Content {
  explicit Content(std::shared_ptr<Spares> spares_of_all) : spares(std::move(spares_of_all)) {}
  ~Content() { cut(0); }

  static constexpr std::uint64_t kLarge = 64u << 10;  // a file of which more is to come

  const std::shared_ptr<Spares> spares;
  std::shared_mutex mutex;  // of the list and the size; the bytes are their users' care
  std::vector<Chunk> chunks;
  std::uint64_t size = 0;

  /// The rest of the chunk at `at`, of those that are there.
  ByteSpan rest(std::uint64_t at) const {
    const std::size_t within = at % Chunk::kBytes;
    return {chunks[at / Chunk::kBytes].bytes() + within, Chunk::kBytes - within};
  }
  /// Makes room up to `end`, what lies between the size and `at` being zeros. The first chunk is
  /// all that most files need, and they are many: small pages for that. Most of those files stay
  /// small, too, and are not worth a spare: the first write tells which do not.
  Status grow(std::uint64_t at, std::uint64_t end, const std::string& path) {
    while (chunks.size() * Chunk::kBytes < end) {
      if (auto spare = end < kLarge ? std::nullopt : spares->take()) {
        chunks.push_back(std::move(*spare));
        continue;
      }
      auto chunk = Chunk::map(!chunks.empty(), path);
      if (!chunk) return std::move(chunk).error();
      chunks.push_back(std::move(*chunk));
    }
    for (std::uint64_t from = size; from < at;) {
      const ByteSpan gap = rest(from);
      const auto zeros = std::min<std::uint64_t>(gap.size(), at - from);
      std::memset(gap.data(), 0, zeros);
      from += zeros;
    }
    return Done{};
  }
  void cut(std::uint64_t end) {
    const std::size_t kept = (end + Chunk::kBytes - 1) / Chunk::kBytes;
    for (; chunks.size() > kept; chunks.pop_back())
      if (chunks.size() > 1 || size >= kLarge) spares->keep(std::move(chunks.back()));
  }
};

namespace {

class MemoryFile final : public File {
 public:
  MemoryFile(std::shared_ptr<MemoryFiles::Content> content, std::string path)
      : content_(std::move(content)), path_(std::move(path)) {}

  const std::string& path() const override { return path_; }
  Result<std::uint64_t> size() override {
    const std::shared_lock lock(content_->mutex);
    return content_->size;
  }
  Result<std::size_t> read_at(ByteSpan into, std::uint64_t at) override {
    std::size_t got = 0;
    while (got < into.size()) {
      const ByteView from = view(at + got, into.size() - got);
      if (from.empty()) break;
      std::memcpy(into.data() + got, from.data(), from.size());
      got += from.size();
    }
    return got;
  }
  ByteView view(std::uint64_t at, std::size_t size) override {
    const std::shared_lock lock(content_->mutex);
    if (at >= content_->size) return {};
    const ByteView rest = content_->rest(at);
    return rest.first(std::min({rest.size(), size, content_->size - at}));
  }
  Status write_at(ByteView bytes, std::uint64_t at) override {
    const std::uint64_t end = at + bytes.size();
    std::unique_lock lock(content_->mutex);
    if (auto grown = content_->grow(at, end, path_); !grown) return grown;
    lock.unlock();
    for (ByteView left = bytes; !left.empty();) {  // only a writer changes the list
      const ByteSpan to = content_->rest(end - left.size());
      const std::size_t size = std::min(to.size(), left.size());
      std::memcpy(to.data(), left.data(), size);
      left = left.subspan(size);
    }
    lock.lock();
    content_->size = std::max(content_->size, end);
    return Done{};
  }
  Status sync() override { return Done{}; }
  Status truncate(std::uint64_t size) override {
    const std::unique_lock lock(content_->mutex);
    if (auto grown = content_->grow(size, size, path_); !grown) return grown;
    content_->cut(size);
    content_->size = size;
    return Done{};
  }
  Status reserve(std::uint64_t size) override { return truncate(size); }

 private:
  const std::shared_ptr<MemoryFiles::Content> content_;
  const std::string path_;
};

}  // namespace

MemoryFiles::MemoryFiles() : spares_(std::make_shared<Spares>()) {}

Result<std::unique_ptr<File>> MemoryFiles::open(const std::string& path, OpenMode mode) {
  const std::lock_guard lock(mutex_);
  auto found = files_.find(path);
  if (found == files_.end()) {
    if (mode != OpenMode::kCreate) return memory_error("open", path, ENOENT);
    found = files_.emplace(path, std::make_shared<Content>(spares_)).first;
  }
  return std::unique_ptr<File>(std::make_unique<MemoryFile>(found->second, path));
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
