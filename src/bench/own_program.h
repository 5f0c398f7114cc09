// Parts of DataStorm as processes of their own, as people run them: their memory and processor time
// can be told from ours. They end when this program dies, in whatever way.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "bench/child.h"
#include "net/socket.h"

namespace ds {

/// Where this very program lies.
std::string own_program();

struct PartSettings {
  std::vector<std::string> arguments;    // "broker", "--listen", …
  std::string before;                    // a command in front: "ip netns exec NAME"
  std::vector<std::string> environment;  // "HOOK_SECRET=…"
};

/// Threads:  one, beside its own that samples memory.
/// Lifetime: the destructor ends it by SIGTERM and waits.
class Part {
 public:
  static Result<std::unique_ptr<Part>> start(const PartSettings& settings);
  ~Part();

  /// Reads its output up to a line that has `mark`; what stands behind it up to a blank or comma.
  Result<std::string> told(const std::string& mark);
  /// Waits for it to end by itself; its last line, which is the account with --json.
  struct Ended {
    int exit_code = 0;
    double cpu_seconds = 0;
    std::string last_line;
  };
  Ended finish();
  Ended stop();
  void kill();  // SIGKILL

  /// Anonymous memory, without the page cache and mapped files; the most that was seen.
  double rss_mib() const { return static_cast<double>(rss_kib_.load()) / 1024; }
  double cpu_seconds() const;  // until now

 private:
  explicit Part(std::unique_ptr<Child> child);
  void sample_until_stopped(std::stop_token stop);

  std::unique_ptr<Child> child_;
  std::string last_line_;
  std::atomic<std::uint64_t> rss_kib_{0};
  std::jthread sampler_;
};

/// `datastorm broker` on a free port.
class ServedBroker {
 public:
  static Result<std::unique_ptr<ServedBroker>> start(const std::string& folder,
                                                     std::vector<std::string> more = {});
  const std::vector<Address>& brokers() const { return brokers_; }
  Part& part() { return *part_; }

 private:
  ServedBroker(std::unique_ptr<Part> part, Address address)
      : part_(std::move(part)), brokers_{std::move(address)} {}
  std::unique_ptr<Part> part_;
  std::vector<Address> brokers_;
};

std::string joined(const std::vector<Address>& addresses);

/// A number of a JSON object on one line, by its name; nested ones as "latency_us.p99".
Result<double> json_number(const std::string& line, std::string_view name);

}  // namespace ds
