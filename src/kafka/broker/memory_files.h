// A disk that is gone with the process: files in anonymous memory, for durability memory. Their
// bytes are sent from where they lie (File::view), and writing them is a copy, not a system call.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "net/files.h"

namespace ds::kafka::broker {

/// Threads: any. sync() has nothing to do; a removed file lives on while it is open.
class MemoryFiles final : public Files {
 public:
  MemoryFiles();
  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Status make_folder(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& folder) override;
  Result<bool> exists(const std::string& path) override;
  Status sync_folder(const std::string&) override { return Done{}; }

  struct Content;
  class Spares;

 private:
  const std::shared_ptr<Spares> spares_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Content>> files_;
  std::set<std::string> folders_;
};

}  // namespace ds::kafka::broker
