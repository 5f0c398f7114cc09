// The least that a producer can do: it sends one prebuilt record batch again and again, a partition
// after the other, over plain sockets, and reads the answers. It makes no record, computes no
// checksum, retries nothing: what it reaches is what a broker takes from anybody on this machine.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"
#include "net/socket.h"

namespace ds {

struct ResendSettings {
  std::vector<Address> brokers;  // plaintext only
  std::string topic;
  int connections = 8;  // to each broker that leads a partition
  int in_flight = 2;    // requests a connection
  std::int16_t acks = 1;
  Nanos duration = kSecond;
};

struct Resent {
  std::uint64_t batches = 0;  // acknowledged, each
  double seconds = 0;         // from the first byte to the last acknowledgement
};

/// Threads: the caller's, which polls all connections. A refused batch is an error.
Result<Resent> resend(const ResendSettings& settings, ByteView batch, const Clock& clock, Log& log);

}  // namespace ds
