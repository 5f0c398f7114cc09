// Somebody patient who never really waits, for the tests of who does.
#pragma once

#include <string>
#include <vector>

#include "sink/sink.h"

namespace ds {

/// Waits for nobody, and remembers how long it should have.
class Waits final : public Patience {
 public:
  bool wait(Nanos time, const Error& why) override {
    times.push_back(time);
    whys.push_back(why.message);
    return true;
  }
  bool over() const override { return false; }
  std::vector<Nanos> times;
  std::vector<std::string> whys;
};

}  // namespace ds
