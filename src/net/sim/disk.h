// A simulated disk: it forgets what was not synced, as a real one does when the power goes.
//
//   SimDisk disk;
//   auto topics = Topics::open(disk, …);                  // any code that works on Files
//   disk.on_change([&](const SimDisk::Change& change) {   // before each change, so: mid-operation
//     auto after = disk.after_power_loss(random);         // what a machine may find when it starts
//     Topics::open(*after, …);
//     return 0;                                           // or an errno: this change fails
//   });
//
// What is kept apart from the page cache, per file: the content at its last sync(), and the writes
// and cuts since, in order. Per folder: its entries at the last sync_folder(), and the creations,
// renames and removals since. A power loss keeps of the writes any subset, torn at sectors, some
// of them as garbage or zeros; of the entries any subset, or those up to some moment, as a journal
// would. What was synced is never harmed, also not where garbage shares a sector with it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/random.h"
#include "net/files.h"

namespace ds {

/// Threads:  one at a time (a recovery with several threads is serialised inside).
/// Lifetime: files opened on it must not be used after it; a SimDisk made by after_…() is apart.
class SimDisk final : public Files {
 public:
  SimDisk();
  ~SimDisk() override;

  struct Change {
    enum class Kind {
      kWrite,
      kTruncate,
      kSync,
      kCreate,
      kRename,
      kRemove,
      kMakeFolder,
      kSyncFolder
    };
    Kind kind;
    std::string path;
    std::uint64_t at = 0;
    std::size_t size = 0;
  };
  /// Called before each change; returns 0 to let it happen, or the errno that it fails with. A
  /// failed sync keeps nothing and forgets what was to be kept: later ones do not bring it back.
  using OnChange = std::function<int(const Change&)>;
  void on_change(OnChange call) { on_change_ = std::move(call); }
  /// How many changes there have been.
  std::uint64_t changes() const { return changes_; }

  /// The disk as it may be found after a power loss now. Nothing on it is unsynced.
  std::unique_ptr<SimDisk> after_power_loss(Random& random) const;
  /// As found after a kill now: all that was done is there. `partial`: of a write of this change
  /// under way, so many bytes were done.
  std::unique_ptr<SimDisk> after_kill() const;
  std::unique_ptr<SimDisk> after_kill_during(const Change& write, ByteView bytes,
                                             std::size_t partial) const;
  /// The bytes of the write that on_change() is told of.
  ByteView bytes_of_change() const { return bytes_of_change_; }

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Status make_folder(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& folder) override;
  Result<bool> exists(const std::string& path) override;
  Status sync_folder(const std::string& folder) override;

 private:
  struct Inode;
  class Handle;
  using Node = std::shared_ptr<Inode>;  // a folder has an inode too
  using Names = std::map<std::string, Node>;
  /// Takes one name away and gives one, at the same moment; either may be empty.
  struct EntryChange {
    std::string folder;
    std::string gone;
    std::string made;
    Node node;
  };

  int may_change(Change::Kind kind, const std::string& path, std::uint64_t at = 0,
                 ByteView bytes = {});
  void change_entry(EntryChange change);
  static void apply(Names& names, const EntryChange& change);
  static Node after_power_loss(const Inode& inode, Random& random);

  OnChange on_change_;
  ByteView bytes_of_change_;
  std::uint64_t changes_ = 0;
  bool telling_ = false;
  std::unique_ptr<std::recursive_mutex> mutex_;
  Names names_;    // as programs see them
  Names durable_;  // as the disk has them
  std::vector<EntryChange> unsynced_;
};

}  // namespace ds
