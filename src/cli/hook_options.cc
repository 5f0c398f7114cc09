#include "cli/hook_options.h"

#include <algorithm>

#include "base/wrong_use.h"

namespace ds::cli {
namespace {

std::string text_of(const Result<std::vector<std::string>>& secrets) {
  return secrets ? fmt::format("{}", fmt::join(*secrets, "\n")) : std::string();
}

}  // namespace

HookOptions read_hook(Reader& read, const std::string& topic) {
  HookOptions options;
  options.path = read.text("path");
  if (!options.path.starts_with('/') || options.path.find_first_of("?# ") != std::string::npos)
    read.wrong("path", wrong_use("a path begins with / and has no ? # or blank", "/hook"));
  HookSettings& hook = options.hook;
  if (read.origin("hook-secret").starts_with("--"))
    read.wrong("hook-secret", wrong_use("a secret among the arguments is seen by every user",
                                        "HOOK_SECRET in the environment or .env, or a file"));
  if (read.given("hook-secret")) hook.secrets.push_back(read.text("hook-secret"));
  options.secret_file = read.text("hook-secret-file");
  if (!options.secret_file.empty()) {
    auto more = read.take("hook-secret-file", read_hook_secrets(options.secret_file));
    if (more.empty()) more.push_back("");  // refused as an empty secret
    hook.secrets.insert(hook.secrets.end(), more.begin(), more.end());
  }
  if (!hook.secrets.empty())
    if (auto keys = HookKeys::make(hook.secrets); !keys)
      read.wrong(options.secret_file.empty() ? "hook-secret" : "hook-secret-file", keys.error());
  hook.topics = read.list("allow-topic");
  const auto named = std::ranges::find(hook.topics, topic);
  if (hook.topics.empty())
    hook.topics.push_back(topic);
  else if (named != hook.topics.end())
    std::rotate(hook.topics.begin(), named, named + 1);  // it is for bodies that name none
  for (const std::string& each : hook.topics)
    if (!may_be_topic(each))
      read.wrong(each == topic ? "topic" : "allow-topic",
                 wrong_use(fmt::format("no topic may be called '{}'", each),
                           "1 to 249 of a-z A-Z 0-9 . _ -"));
  hook.rate_per_key = read.quantity("hook-rate");
  hook.tolerance = read.duration("hook-tolerance");
  hook.replay_window = read.duration("replay-window");
  hook.replay_messages_max = read.count("replay-messages");
  if (hook.replay_messages_max < 1 || hook.replay_messages_max > (1u << 28))
    read.wrong("replay-messages", wrong_use("out of range", "1 to 268435456"));
  hook.in_flight_bytes_max = read.size("in-flight-bytes");
  return options;
}

SecretFile::SecretFile(std::string path, Log& log) : path_(std::move(path)), log_(log) {
  if (!path_.empty()) known_ = text_of(read_hook_secrets(path_));
}

void SecretFile::look(Hook& hook) {
  if (path_.empty()) return;
  const auto secrets = read_hook_secrets(path_);
  const std::string text = text_of(secrets);
  if (text == known_) return;
  known_ = text;
  // Half-written or emptied files must not open or close the door.
  if (const auto changed = hook.change_secrets(secrets ? *secrets : std::vector<std::string>());
      !changed)
    return log_.warn("{}: {}; the secrets before it hold on", path_, changed.error().message);
  log_.info("{}: {} secrets hold from now on", path_, secrets->size());
}

}  // namespace ds::cli
