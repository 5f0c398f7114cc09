// Webhook requests, prebuilt and signed, over keep-alive connections as fast as they are answered.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "net/socket.h"

namespace ds {

struct HookLoadSettings {
  Address server;
  int connections = 64;
  int pipelined = 1;  // requests under way on a connection
};

struct HookLoad {
  std::uint64_t answered = 0;  // all with 202
  double seconds = 0;
};

/// A signed POST of `body` to /hook.
std::string hook_request(std::string_view secret, std::string_view body, bool lines);

/// Sends each request once and waits for all answers; any but 202 is an error.
/// Threads: the caller's, which polls all connections.
Result<HookLoad> send_hooks(const HookLoadSettings& settings,
                            const std::vector<std::string>& requests, const Clock& clock);

}  // namespace ds
