// Whether topics could be written to, asked now and then by a connection of its own: so that a
// cluster's end is known where nothing is being sent.
//
//   TopicWatch watch(settings, {"readings"}, clock);
//   if (!watch.answers()) …
#pragma once

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "kafka/client/client_settings.h"

namespace ds::kafka {

/// Threads:  its own asks; answers() from any.
/// Cost:     a metadata request every two seconds.
class TopicWatch {
 public:
  TopicWatch(ClientSettings settings, std::vector<std::string> topics, const Clock& clock)
      : settings_(std::move(settings)),
        topics_(std::move(topics)),
        clock_(clock),
        thread_([this](std::stop_token stop) { run(stop); }) {}
  TopicWatch(const TopicWatch&) = delete;

  /// What was last heard; true until the first answer.
  bool answers() const { return answers_.load(std::memory_order_relaxed); }

 private:
  void run(std::stop_token stop);

  const ClientSettings settings_;
  const std::vector<std::string> topics_;
  const Clock& clock_;
  std::atomic<bool> answers_{true};
  std::jthread thread_;
};

}  // namespace ds::kafka
