#include "cli/events.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "base/units.h"
#include "base/wrong_use.h"

namespace ds::cli {

Result<Event> parse_event(const std::string& text) {
  std::istringstream words(text);
  std::string at, what, rate, more;
  words >> at >> what >> rate >> more;
  auto time = parse_duration(at);
  if (!time) return std::move(time).error();
  Event event{*time, what};
  constexpr std::string_view kPlain[] = {"crisis", "opportunity", "start", "stop"};
  const bool plain = std::ranges::find(kPlain, what) != std::end(kPlain);
  if (what == "rate" && !rate.empty() && more.empty()) {
    auto records = parse_quantity(rate);
    if (!records) return std::move(records).error();
    event.rate = *records;
  } else if (!plain || !rate.empty()) {
    return wrong_use(fmt::format("'{}' is not an event", text),
                     "a time, then crisis, opportunity, start, stop or rate N: \"30s crisis\"");
  }
  return event;
}

EventPlay::EventPlay(std::vector<Event> events, Controls controls, Log& log)
    : events_(std::move(events)), controls_(std::move(controls)), log_(log) {
  std::ranges::stable_sort(events_, {}, &Event::at);
}

void EventPlay::turn(Nanos since_start) {
  for (; next_ < events_.size() && events_[next_].at <= since_start; ++next_) {
    const Event& event = events_[next_];
    const Status done = event.what == "crisis"        ? controls_.crisis()
                        : event.what == "opportunity" ? controls_.opportunity()
                        : event.what == "start"       ? controls_.start()
                        : event.what == "stop"        ? controls_.stop()
                                                      : controls_.rate(event.rate);
    if (!done) log_.warn("the event {}: {}", event.what, done.error().message);
  }
}

}  // namespace ds::cli
