// The data folder as a whole: whose it is, which version wrote it, and that nobody else uses it.
#pragma once

#include <optional>
#include <string>

#include "net/files.h"

namespace ds::kafka::broker {

/// Holds the folder's lock while it lives.
struct DataFolder {
  std::string path;
  std::string cluster_id;
  std::optional<FileLock> lock;  // none in memory

  /// Opens the folder, or makes it. Refused in words: a folder with other things in it, one written
  /// by a newer version, one that another broker runs on (`holder` is what that one calls itself).
  static Result<DataFolder> open(Files& files, const std::string& path, const std::string& holder,
                                 bool with_lock);
};

}  // namespace ds::kafka::broker
