// Other people's stores for the length of a suite, run by the scripts that the tests use
// (tests/servers/*). They go with the object, and when this program dies.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/result.h"
#include "bench/child.h"

namespace ds {

class StoreServer {
 public:
  /// `script start` and `script stop`, as "start2"; state in `folder`. What it exports is
  /// settings().
  static Result<std::unique_ptr<StoreServer>> start(const std::string& script,
                                                    const std::string& start_verb,
                                                    const std::string& stop_verb,
                                                    const std::string& folder);
  /// Empty when it exports no such name.
  std::string setting(const std::string& name) const;

 private:
  StoreServer(std::unique_ptr<Child> keeper, std::map<std::string, std::string> settings)
      : keeper_(std::move(keeper)), settings_(std::move(settings)) {}
  std::unique_ptr<Child> keeper_;
  std::map<std::string, std::string> settings_;
};

/// The script of another server, beside Kafka's: "victoria/victoria.sh".
std::string sibling_script(const std::string& kafka_script, const std::string& name);
/// Whether `script verb` succeeds.
bool script_says(const std::string& script, const std::string& verb);

}  // namespace ds
