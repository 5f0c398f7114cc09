// Time comes through a constructor, so that tests and the simulation can set it.
#pragma once

#include <chrono>
#include <cstdint>

namespace ds {

using Nanos = std::int64_t;

constexpr Nanos kMicrosecond = 1'000;
constexpr Nanos kMillisecond = 1'000'000;
constexpr Nanos kSecond = 1'000'000'000;

class Clock {
 public:
  virtual ~Clock() = default;
  /// Monotonic; the only clock for intervals, deadlines and latencies.
  virtual Nanos now() const = 0;
  /// Milliseconds since 1970; only for what is written into records and shown to people.
  virtual std::int64_t wall_ms() const = 0;
};

class SystemClock final : public Clock {
 public:
  Nanos now() const override {
    return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
  }
  std::int64_t wall_ms() const override {
    return std::chrono::system_clock::now().time_since_epoch() / std::chrono::milliseconds(1);
  }
};

class ManualClock final : public Clock {
 public:
  Nanos now() const override { return now_; }
  std::int64_t wall_ms() const override { return wall_ms_ + now_ / kMillisecond; }
  void advance(Nanos by) { now_ += by; }
  void step_wall(std::int64_t by_ms) { wall_ms_ += by_ms; }

 private:
  Nanos now_ = 0;
  std::int64_t wall_ms_ = 1'700'000'000'000;
};

}  // namespace ds
