// `datastorm user`: the file of users that a broker lets in.
#include <fmt/format.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include "base/json_writer.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "kafka/broker/users.h"
#include "net/files.h"

namespace ds::cli {
namespace {

using kafka::broker::Users;

constexpr const char* kPasswordVariable = "DATASTORM_PASSWORD";

/// The terminal shows nothing of what is typed while this lives.
class Unseen {
 public:
  Unseen() {
    if (tcgetattr(STDIN_FILENO, &before_) != 0) return;
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    set_ = tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) == 0;
  }
  ~Unseen() {
    if (set_) tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }
  Unseen(const Unseen&) = delete;
  Unseen& operator=(const Unseen&) = delete;

 private:
  termios before_{};
  bool set_ = false;
};

/// From a file, the environment, or a line of standard input; never from the arguments.
Result<std::string> read_password(const std::string& file) {
  std::string password;
  if (!file.empty()) {
    RealFiles files;
    auto text = read_file(files, file);
    if (!text) return Error{.code = ErrorCode::kUsage, .message = text.error().message};
    return text->substr(0, text->find_first_of("\r\n"));
  }
  if (const char* const given = std::getenv(kPasswordVariable)) return std::string(given);
  const bool asks = isatty(STDIN_FILENO) == 1;
  if (asks) fmt::print(stderr, "password: ");
  {
    const Unseen unseen;
    std::getline(std::cin, password);
  }
  if (asks) fmt::print(stderr, "\n");
  return password;
}

struct UserList {
  std::vector<std::string> users;
  static void fields(auto& self, auto& io) { io("users", self.users); }
};

/// What became of one.
struct UserChange {
  std::string verb, name;
  static void fields(auto& self, auto& io) {
    io(self.verb == "add" ? "added" : "removed", self.name);
  }
};

int run_user(const Invocation& invocation) {
  Reader read(invocation.settings);
  const std::string path = read.text("users"), password_file = read.text("password-file");
  const auto& words = invocation.words;
  const std::string verb = words.empty() ? "" : words[0], name = words.size() > 1 ? words[1] : "";
  const bool names_one = verb == "add" || verb == "remove";
  if ((verb != "list" && !names_one) || words.size() != (names_one ? 2u : 1u))
    read.wrong(Error{.code = ErrorCode::kUsage,
                     .message = fmt::format("'user {}' is not known", fmt::join(words, " ")),
                     .hint = "user add NAME, user remove NAME or user list"});
  if (path.empty())
    read.wrong(Error{.code = ErrorCode::kUsage, .message = "say which file with --users FILE"});
  if (const auto wrong = read.errors()) return report_error(*wrong);

  RealFiles files;
  Users users;
  const auto exists = files.exists(path);
  if (!exists) return report_error(exists.error());
  if (*exists) {
    const auto text = read_file(files, path);
    if (!text) return report_error(text.error());
    auto parsed = Users::parse(*text, path);
    if (!parsed) return report_error(parsed.error());
    users = std::move(*parsed);
  }
  const bool json = read.on("json");
  if (verb == "list") {
    const auto names = users.names();
    if (json)
      fmt::print("{}\n", to_json(UserList{{names.begin(), names.end()}}));
    else
      for (const std::string& each : names) fmt::print("{}\n", each);
    return kDone;
  }
  if (verb == "add") {
    const auto password = read_password(password_file);
    if (!password) return report_error(password.error());
    if (const auto set = users.set(name, *password); !set) return report_error(set.error());
  } else if (!users.remove(name)) {
    return report_error(Error{ErrorCode::kUsage, fmt::format("{} has no user {}", path, name)});
  }
  umask(077);
  if (const auto written = replace_file(files, path, users.to_text()); !written)
    return report_error(written.error());
  if (json) fmt::print("{}\n", to_json(UserChange{verb, name}));
  return kDone;
}

}  // namespace

Command user_command() {
  return {.name = "user",
          .purpose = "keep the file of users that a broker lets in",
          .example = "datastorm user add alice --users users --password-file secret",
          .settings = {"users", "password-file"},
          .words = "add|remove|list [NAME]",
          .run = run_user};
}

}  // namespace ds::cli
