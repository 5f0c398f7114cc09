// Who may log in: names with salted credentials, as SCRAM keeps them (RFC 5802). The password
// itself is nowhere; PLAIN is checked against the same credentials.
//
// A line of the file, made by `datastorm user add alice --users FILE`:
//
//   alice SCRAM-SHA-256 4096 <salt> <stored key> <server key>
//
// with the last three in base64, one line for each mechanism. Lines that begin with # say nothing.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/result.h"
#include "net/crypto.h"

namespace ds::kafka::broker {

struct Credential {
  int iterations = 0;
  std::string salt;
  std::string stored_key;
  std::string server_key;
};

/// Threads: any, once it is made.
class Users {
 public:
  static constexpr int kIterations = 4096;  // as Apache Kafka's; RFC 7677 asks for no fewer

  static Result<Users> parse(std::string_view text, const std::string& path);
  std::string to_text() const;

  /// With both mechanisms; in place of what was known. Refused: a name or a password that cannot be
  /// sent, as an empty one.
  Status set(const std::string& name, std::string_view password);
  bool remove(std::string_view name) { return users_.erase(std::string(name)) > 0; }
  std::vector<std::string> names() const;
  bool empty() const { return users_.empty(); }

  /// For an unknown name one that fits no password, always the same, so that asking tells nothing.
  Credential credential(std::string_view name, Digest digest) const;
  /// Cost: some milliseconds, for unknown names too.
  bool is_password(std::string_view name, std::string_view password) const;

 private:
  using Credentials = std::map<Digest, Credential>;
  std::map<std::string, Credentials, std::less<>> users_;
  std::string pepper_ = random_bytes(32);  // of the credentials of those who are not
};

/// A thread that checks passwords, since that takes long for a lane.
/// Threads:  check() from any; `done` is called on its own.
/// Lifetime: the destructor drops what waits.
class PasswordDesk {
 public:
  explicit PasswordDesk(const Users& users);
  ~PasswordDesk();

  /// False when too many wait already; `done` is not called then.
  bool check(std::string name, std::string password, std::function<void(bool)> done);

 private:
  static constexpr std::size_t kWaitingMax = 1000;
  struct Question {
    std::string name;
    std::string password;
    std::function<void(bool)> done;
  };
  void run(std::stop_token stop);

  const Users& users_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::vector<Question> waiting_;
  std::jthread thread_;  // last: it uses the rest
};

}  // namespace ds::kafka::broker
