// Dead letters in memory, for the tests of who sends them.
#pragma once

#include <mutex>
#include <vector>

#include "sink/dead_letters.h"

namespace ds {

class LettersForTest final : public DeadLetters {
 public:
  Status put(std::span<const DeadLetter> letters) override {
    const std::lock_guard lock(mutex_);
    if (refuse_ > 0) {
      --refuse_;
      return Error{.code = ErrorCode::kTimeout, .message = "no letters now"};
    }
    letters_.insert(letters_.end(), letters.begin(), letters.end());
    return Done{};
  }
  std::vector<DeadLetter> all() const {
    const std::lock_guard lock(mutex_);
    return letters_;
  }
  void refuse_next(int times) { refuse_ = times; }

 private:
  mutable std::mutex mutex_;
  int refuse_ = 0;
  std::vector<DeadLetter> letters_;
};

}  // namespace ds
