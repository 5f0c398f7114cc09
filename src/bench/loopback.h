// The physical reference of everything that crosses a socket: how fast bytes go over loopback TCP
// from one thread to another, with nothing else done to them but a copy in and a copy out.
#pragma once

#include <cstddef>

#include "base/clock.h"
#include "base/result.h"

namespace ds {

struct LoopbackSettings {
  int connections = 1;  // each with a sender and a receiver thread
  std::size_t write_bytes = 1 << 20;
  Nanos duration = kSecond;
};

/// Bytes per second, as received.
Result<double> loopback_bandwidth(const LoopbackSettings& settings, const Clock& clock);

}  // namespace ds
