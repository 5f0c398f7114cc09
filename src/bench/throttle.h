// A stage made slow on purpose, to see whether the knee is found where it then must be.
#pragma once

#include <algorithm>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "sink/wrapped_sink.h"
#include "storm/filler.h"

namespace ds {

/// So many a second and no more, however many ask. Threads: any.
class Throttle {
 public:
  Throttle(double rate, const Clock& clock) : rate_(rate), clock_(clock) {}

  /// Waits until `count` more may pass.
  void take(double count) {
    Nanos until = 0;
    {
      const std::lock_guard lock(mutex_);
      // What a late sleeper has lost it may catch up with, but little more.
      next_ = std::max(next_, clock_.now() - kSlack) + static_cast<Nanos>(count * 1e9 / rate_);
      until = next_;
    }
    const Nanos wait = until - clock_.now();
    if (wait > 0) std::this_thread::sleep_for(std::chrono::nanoseconds(wait));
  }

 private:
  static constexpr Nanos kSlack = 10 * kMillisecond;

  const double rate_;
  const Clock& clock_;
  std::mutex mutex_;
  Nanos next_ = 0;
};

class ThrottledFiller final : public Filler {
 public:
  ThrottledFiller(std::unique_ptr<Filler> filler, Throttle& throttle)
      : filler_(std::move(filler)), throttle_(throttle) {}
  Filled fill(const FillRequest& request, ByteSpan into) override {
    const Filled filled = filler_->fill(request, into);
    throttle_.take(filled.records);
    return filled;
  }

 private:
  std::unique_ptr<Filler> filler_;
  Throttle& throttle_;
};

class ThrottledSink final : public WrappedSink {
 public:
  ThrottledSink(std::unique_ptr<Sink> sink, Throttle& throttle)
      : WrappedSink(std::move(sink)), throttle_(throttle) {}
  Result<Stored> store(std::span<const kafka::Fetched> batches) override {
    auto stored = WrappedSink::store(batches);
    if (stored) throttle_.take(static_cast<double>(stored->stored));
    return stored;
  }

 private:
  Throttle& throttle_;
};

}  // namespace ds
