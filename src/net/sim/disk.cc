#include "net/sim/disk.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>

namespace ds {
namespace {

using Lock = std::lock_guard<std::recursive_mutex>;

Error disk_error(std::string_view what, const std::string& path, int error) {
  return Error{.code = ErrorCode::kStorage,
               .message = fmt::format("cannot {} {}: {}", what, path, strerror(error)),
               .system = error};
}

std::string parent_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == 0 || slash == path.npos ? "/" : path.substr(0, slash);
}

void put(ByteVec& content, std::uint64_t at, ByteView bytes) {
  if (content.size() < at + bytes.size()) content.resize(at + bytes.size());
  std::copy(bytes.begin(), bytes.end(), content.begin() + static_cast<std::ptrdiff_t>(at));
}

}  // namespace

struct SimDisk::Inode {
  struct Pending {
    bool cut = false;
    std::uint64_t at = 0;  // of a cut: the new size
    ByteVec bytes;
  };
  bool folder = false;
  ByteVec content;  // as programs see it
  ByteVec durable;
  std::vector<Pending> unsynced;
};

class SimDisk::Handle final : public File {
 public:
  Handle(SimDisk& disk, Node node, std::string path)
      : disk_(disk), node_(std::move(node)), path_(std::move(path)) {}

  const std::string& path() const override { return path_; }
  Result<std::uint64_t> size() override {
    const Lock lock(*disk_.mutex_);
    return static_cast<std::uint64_t>(node_->content.size());
  }
  Result<std::size_t> read_at(ByteSpan into, std::uint64_t at) override {
    const Lock lock(*disk_.mutex_);
    const ByteVec& content = node_->content;
    if (at >= content.size()) return std::size_t{0};
    const std::size_t got = std::min<std::size_t>(into.size(), content.size() - at);
    std::memcpy(into.data(), content.data() + at, got);
    return got;
  }
  Status write_at(ByteView bytes, std::uint64_t at) override {
    const Lock lock(*disk_.mutex_);
    if (const int error = disk_.may_change(Change::Kind::kWrite, path_, at, bytes))
      return disk_error("write", path_, error);
    put(node_->content, at, bytes);
    node_->unsynced.push_back({false, at, ByteVec(bytes.begin(), bytes.end())});
    return Done{};
  }
  Status sync() override {
    const Lock lock(*disk_.mutex_);
    const int error = disk_.may_change(Change::Kind::kSync, path_);
    if (!error) node_->durable = node_->content;
    node_->unsynced
        .clear();  // a failed sync too: the pages are clean now, and the disk has not got them
    return error ? Status(disk_error("sync", path_, error)) : Status(Done{});
  }
  Status truncate(std::uint64_t size) override {
    const Lock lock(*disk_.mutex_);
    if (const int error = disk_.may_change(Change::Kind::kTruncate, path_, size))
      return disk_error("cut", path_, error);
    node_->content.resize(size);
    node_->unsynced.push_back({true, size, {}});
    return Done{};
  }
  Status reserve(std::uint64_t size) override {
    return size > node_->content.size() ? truncate(size) : Status(Done{});
  }

 private:
  SimDisk& disk_;
  Node node_;
  std::string path_;
};

SimDisk::SimDisk() : mutex_(std::make_unique<std::recursive_mutex>()) {
  auto root = std::make_shared<Inode>(Inode{.folder = true});
  names_["/"] = root;
  durable_["/"] = std::move(root);
}

SimDisk::~SimDisk() = default;

int SimDisk::may_change(Change::Kind kind, const std::string& path, std::uint64_t at,
                        ByteView bytes) {
  ++changes_;
  if (!on_change_ || telling_) return 0;
  telling_ = true;
  bytes_of_change_ = bytes;
  const int error = on_change_({kind, path, at, bytes.size()});
  bytes_of_change_ = {};
  telling_ = false;
  return error;
}

void SimDisk::apply(Names& names, const EntryChange& change) {
  if (!change.gone.empty()) names.erase(change.gone);
  if (!change.made.empty()) names[change.made] = change.node;
}

void SimDisk::change_entry(EntryChange change) {
  apply(names_, change);
  unsynced_.push_back(std::move(change));
}

Result<std::unique_ptr<File>> SimDisk::open(const std::string& path, OpenMode mode) {
  const Lock lock(*mutex_);
  auto found = names_.find(path);
  if (found == names_.end()) {
    if (mode != OpenMode::kCreate || !names_.contains(parent_of(path)))
      return disk_error("open", path, ENOENT);
    if (const int error = may_change(Change::Kind::kCreate, path))
      return disk_error("open", path, error);
    change_entry({parent_of(path), {}, path, std::make_shared<Inode>()});
    found = names_.find(path);
  }
  return std::unique_ptr<File>(std::make_unique<Handle>(*this, found->second, path));
}

Status SimDisk::rename(const std::string& from, const std::string& to) {
  const Lock lock(*mutex_);
  const auto found = names_.find(from);
  if (found == names_.end()) return disk_error("rename", from, ENOENT);
  check(parent_of(from) == parent_of(to), "a rename stays in its folder here");
  if (const int error = may_change(Change::Kind::kRename, from))
    return disk_error("rename", from, error);
  change_entry({parent_of(from), from, to, found->second});
  return Done{};
}

Status SimDisk::remove(const std::string& path) {
  const Lock lock(*mutex_);
  if (!names_.contains(path)) return Done{};
  const auto below = names_.upper_bound(path + "/");
  if (below != names_.end() && below->first.starts_with(path + "/"))
    return disk_error("remove", path, ENOTEMPTY);
  if (const int error = may_change(Change::Kind::kRemove, path))
    return disk_error("remove", path, error);
  change_entry({parent_of(path), path, {}, nullptr});
  return Done{};
}

Status SimDisk::make_folder(const std::string& path) {
  const Lock lock(*mutex_);
  if (names_.contains(path)) return Done{};
  if (auto above = make_folder(parent_of(path)); !above) return above;
  if (const int error = may_change(Change::Kind::kMakeFolder, path))
    return disk_error("make the folder", path, error);
  change_entry({parent_of(path), {}, path, std::make_shared<Inode>(Inode{.folder = true})});
  return Done{};
}

Result<std::vector<std::string>> SimDisk::list(const std::string& folder) {
  const Lock lock(*mutex_);
  if (!names_.contains(folder)) return disk_error("list", folder, ENOENT);
  const std::string prefix = folder == "/" ? "/" : folder + "/";
  std::vector<std::string> names;
  for (auto each = names_.upper_bound(prefix);
       each != names_.end() && each->first.starts_with(prefix); ++each)
    if (each->first.find('/', prefix.size()) == std::string::npos)
      names.push_back(each->first.substr(prefix.size()));
  return names;
}

Result<bool> SimDisk::exists(const std::string& path) {
  const Lock lock(*mutex_);
  return names_.contains(path);
}

Status SimDisk::sync_folder(const std::string& folder) {
  const Lock lock(*mutex_);
  if (!names_.contains(folder)) return disk_error("sync the folder", folder, ENOENT);
  if (const int error = may_change(Change::Kind::kSyncFolder, folder))
    return disk_error("sync the folder", folder, error);
  for (const EntryChange& change : unsynced_)
    if (change.folder == folder) apply(durable_, change);
  std::erase_if(unsynced_, [&](const EntryChange& change) { return change.folder == folder; });
  return Done{};
}

/// A subset of the writes, each torn at sectors.
SimDisk::Node SimDisk::after_power_loss(const Inode& inode, Random& random) {
  auto node = std::make_shared<Inode>();
  node->folder = inode.folder;
  ByteVec& content = node->content;
  content = inode.durable;
  const std::uint64_t sector = random.below(2) ? 512 : 4096;
  const double keep = random.below(4) == 0 ? double(random.below(2)) : random.unit();
  const bool in_order = random.below(3) == 0;  // all up to some moment, as some file systems do
  bool going = true;
  for (const auto& [cut, at, bytes] : inode.unsynced) {
    going = going && random.unit() < std::max(keep, 0.5);
    const bool whole = in_order && going;
    if (cut) {
      if (whole || (!in_order && random.unit() < keep)) content.resize(at);
      continue;
    }
    if (in_order && !going && random.below(2)) continue;  // else the first one beyond is torn
    for (std::uint64_t from = at; from < at + bytes.size();) {
      const std::uint64_t to =
          std::min<std::uint64_t>((from / sector + 1) * sector, at + bytes.size());
      const ByteView piece = ByteView(bytes).subspan(from - at, to - from);
      if (whole || random.unit() < keep) {
        ByteVec kept(piece.begin(), piece.end());
        if (!whole && random.below(16) == 0) {  // never more than what the write itself covers
          const bool zeros = random.below(2);
          for (auto& byte : kept) byte = zeros ? 0 : static_cast<std::uint8_t>(random());
        }
        put(content, from, kept);
      }
      from = to;
    }
  }
  node->durable = content;
  return node;
}

std::unique_ptr<SimDisk> SimDisk::after_power_loss(Random& random) const {
  const Lock lock(*mutex_);
  auto after = std::make_unique<SimDisk>();
  // Drawn anew for each path, so that a seed means the same whatever the order of names and
  // threads.
  const std::uint64_t seed = random();
  const auto draws_for = [seed](const std::string& path) {
    std::uint64_t hash = seed;
    for (const char c : path) hash = mix_bits(hash ^ static_cast<unsigned char>(c));
    return Random(hash);
  };
  Names names = durable_;
  struct Kept {
    Random draws;
    bool journal;  // up to some moment; else any subset
    double share;
    bool going = true;
  };
  std::map<std::string, Kept> folders;
  for (const EntryChange& change : unsynced_) {
    auto found = folders.find(change.folder);
    if (found == folders.end()) {
      Random draws = draws_for(change.folder + "/");
      const bool journal = draws.below(2);
      const double share = draws.below(4) == 0 ? double(draws.below(2)) : draws.unit();
      found = folders.emplace(change.folder, Kept{draws, journal, share}).first;
    }
    Kept& kept = found->second;
    const bool drawn = kept.draws.unit() < kept.share;
    kept.going = kept.going && drawn;
    if (kept.journal ? kept.going : drawn) apply(names, change);
  }

  std::map<const Inode*, Node> made;
  for (const auto& [path, node] : names) {
    if (path == "/") continue;
    // What lies in a folder that is not there cannot be found. Parents come first in this order.
    if (!after->names_.contains(parent_of(path))) continue;
    Node& copy = made[node.get()];
    Random draws = draws_for(path);
    if (!copy) copy = after_power_loss(*node, draws);
    after->names_[path] = copy;
  }
  after->durable_ = after->names_;
  return after;
}

std::unique_ptr<SimDisk> SimDisk::after_kill() const {
  const Lock lock(*mutex_);
  auto after = std::make_unique<SimDisk>();
  std::map<const Inode*, Node> made;
  const auto copy_of = [&](const Node& node) {
    Node& copy = made[node.get()];
    if (!copy && node) copy = std::make_shared<Inode>(*node);
    return copy;
  };
  for (const auto& [path, node] : names_) after->names_[path] = copy_of(node);
  after->durable_.clear();
  for (const auto& [path, node] : durable_) after->durable_[path] = copy_of(node);
  for (const EntryChange& change : unsynced_)
    after->unsynced_.push_back({change.folder, change.gone, change.made, copy_of(change.node)});
  return after;
}

std::unique_ptr<SimDisk> SimDisk::after_kill_during(const Change& write, ByteView bytes,
                                                    std::size_t partial) const {
  auto after = after_kill();
  const auto found = after->names_.find(write.path);
  if (found == after->names_.end() || partial == 0) return after;
  const ByteView done = bytes.first(std::min(partial, bytes.size()));
  put(found->second->content, write.at, done);
  found->second->unsynced.push_back({false, write.at, ByteVec(done.begin(), done.end())});
  return after;
}

}  // namespace ds
