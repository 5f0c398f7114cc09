#include "kafka/client/topic_watch.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>

#include "base/thread_name.h"
#include "kafka/client/admin.h"

namespace ds::kafka {
namespace {

constexpr Nanos kPeriod = 2 * kSecond;
constexpr Nanos kPatience = 2 * kSecond;

/// A topic that is missing is made when something comes for it.
bool could_be_written(Admin& admin, const std::string& name) {
  const auto topic = admin.describe_topic(name);
  if (!topic) return topic.error().code == ErrorCode::kRefused;
  return std::ranges::all_of(topic->partitions, [](const auto& each) { return each.leader >= 0; });
}

}  // namespace

void TopicWatch::run(std::stop_token stop) {
  name_thread("watch");
  ClientSettings settings = settings_;
  settings.request_timeout = std::min(settings.request_timeout, kPatience);
  settings.connect_timeout = std::min(settings.connect_timeout, kPatience);
  NoLog quiet;  // who waits for the broker says so
  std::optional<Admin> admin;
  std::mutex sleeping;
  std::condition_variable_any wake;
  std::unique_lock lock(sleeping);
  while (!stop.stop_requested()) {
    if (!admin) admin.emplace(settings, clock_, quiet);
    answers_ = std::ranges::all_of(
        topics_, [&](const std::string& topic) { return could_be_written(*admin, topic); });
    if (!answers_) admin.reset();  // it may hold on to what is gone
    wake.wait_for(lock, stop, std::chrono::nanoseconds(kPeriod), [] { return false; });
  }
}

}  // namespace ds::kafka
