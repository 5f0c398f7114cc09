// What `gateway` and `up` read alike: the webhook.
#pragma once

#include "cli/common.h"
#include "web/hook.h"

namespace ds::cli {

/// But for those of Kafka and the topic.
inline constexpr std::string_view kHookSettings[] = {
    "path",           "hook-secret",   "hook-secret-file", "allow-topic",    "hook-rate",
    "hook-tolerance", "replay-window", "replay-messages",  "in-flight-bytes"};

struct HookOptions {
  std::string path;
  std::string secret_file;  // empty: the secret is fixed
  HookSettings hook;
  bool has_secret() const { return !hook.secrets.empty(); }
};

/// Without a secret the hook's secrets are empty. Client, partitions and replication are the
/// caller's to fill in.
HookOptions read_hook(Reader& read, const std::string& topic);

/// Reads the file of secrets again when it has changed, and tells the hook.
class SecretFile {
 public:
  SecretFile(std::string path, Log& log);
  void look(Hook& hook);

 private:
  std::string path_;
  Log& log_;
  std::string known_;  // its text, as last read
};

}  // namespace ds::cli
