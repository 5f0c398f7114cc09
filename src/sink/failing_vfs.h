// SQLite's file system, with a fault: the n-th call of one kind answers what it is told to, instead
// of being made. For errors that a disk makes when it likes.
//
//   FailingVfs vfs;                                  // the default from now on, until it ends
//   vfs.fail(FailingVfs::Call::kWrite, 3, SQLITE_FULL);
#pragma once

#include <sqlite3.h>

#include <cstring>
#include <utility>

#include "base/check.h"

namespace ds {

/// Threads: one at a time. Lifetime: outlives every database opened meanwhile.
class FailingVfs {
 public:
  enum class Call { kRead, kWrite, kSync, kLock };

  FailingVfs() {
    real_ = sqlite3_vfs_find(nullptr);
    vfs_ = *real_;
    vfs_.zName = "failing";
    vfs_.pNext = nullptr;
    vfs_.szOsFile = static_cast<int>(sizeof(File)) + real_->szOsFile;
    vfs_.xOpen = open;
    vfs_.xSleep = [](sqlite3_vfs*, int us) { return us; };  // waiting for a lock takes no time
    current() = this;
    check(sqlite3_vfs_register(&vfs_, 1) == SQLITE_OK, "a VFS can be registered");
  }
  ~FailingVfs() {
    sqlite3_vfs_unregister(&vfs_);
    sqlite3_vfs_register(real_, 1);
  }
  FailingVfs(const FailingVfs&) = delete;

  /// The `nth` call of this kind from now on answers `code`; with `always` all after it too.
  void fail(Call call, int nth, int code, bool always = false) {
    call_ = call;
    left_ = nth;
    code_ = code;
    always_ = always;
    met_ = 0;
  }
  /// Ends the fault; how many calls have met it.
  int heal() {
    left_ = 0;
    always_ = false;
    return std::exchange(met_, 0);
  }

 private:
  struct File {
    sqlite3_file base;
    sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
  };
  static FailingVfs*& current() {
    static FailingVfs* the = nullptr;
    return the;
  }
  static sqlite3_file* real(sqlite3_file* file) { return reinterpret_cast<File*>(file)->real(); }
  /// What to answer instead of making the call; SQLITE_OK: make it.
  static int verdict(Call call) {
    FailingVfs& vfs = *current();
    if (vfs.left_ <= 0 || vfs.call_ != call || --vfs.left_ > 0) return SQLITE_OK;
    if (vfs.always_) vfs.left_ = 1;
    ++vfs.met_;
    return vfs.code_;
  }

  template <auto Method, Call call, typename... Arguments>
  static int maybe(sqlite3_file* file, Arguments... arguments) {
    if (const int code = verdict(call); code != SQLITE_OK) return code;
    return (real(file)->pMethods->*Method)(real(file), arguments...);
  }
  template <auto Method, typename Returned, typename... Arguments>
  static Returned pass(sqlite3_file* file, Arguments... arguments) {
    return (real(file)->pMethods->*Method)(real(file), arguments...);
  }
  /// Letting go of a lock never fails.
  static int shm_lock(sqlite3_file* file, int offset, int count, int flags) {
    if ((flags & SQLITE_SHM_LOCK) != 0 && (flags & SQLITE_SHM_EXCLUSIVE) != 0)
      if (const int code = verdict(Call::kLock); code != SQLITE_OK) return code;
    return real(file)->pMethods->xShmLock(real(file), offset, count, flags);
  }

  static int open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out) {
    using M = sqlite3_io_methods;
    static const M kMethods{
        .iVersion = 3,
        .xClose = pass<&M::xClose, int>,
        .xRead = maybe<&M::xRead, Call::kRead, void*, int, sqlite3_int64>,
        .xWrite = maybe<&M::xWrite, Call::kWrite, const void*, int, sqlite3_int64>,
        .xTruncate = pass<&M::xTruncate, int, sqlite3_int64>,
        .xSync = maybe<&M::xSync, Call::kSync, int>,
        .xFileSize = pass<&M::xFileSize, int, sqlite3_int64*>,
        .xLock = pass<&M::xLock, int, int>,
        .xUnlock = pass<&M::xUnlock, int, int>,
        .xCheckReservedLock = pass<&M::xCheckReservedLock, int, int*>,
        .xFileControl = pass<&M::xFileControl, int, int, void*>,
        .xSectorSize = pass<&M::xSectorSize, int>,
        .xDeviceCharacteristics = pass<&M::xDeviceCharacteristics, int>,
        .xShmMap = pass<&M::xShmMap, int, int, int, int, void volatile**>,
        .xShmLock = shm_lock,
        .xShmBarrier = pass<&M::xShmBarrier, void>,
        .xShmUnmap = pass<&M::xShmUnmap, int, int>,
        .xFetch = pass<&M::xFetch, int, sqlite3_int64, int, void**>,
        .xUnfetch = pass<&M::xUnfetch, int, sqlite3_int64, void*>,
    };
    FailingVfs& vfs = *current();
    const int result = vfs.real_->xOpen(vfs.real_, name, real(file), flags, out);
    file->pMethods = real(file)->pMethods != nullptr ? &kMethods : nullptr;
    return result;
  }

  sqlite3_vfs* real_ = nullptr;
  sqlite3_vfs vfs_{};
  Call call_ = Call::kRead;
  int left_ = 0, code_ = 0, met_ = 0;
  bool always_ = false;
};

}  // namespace ds
