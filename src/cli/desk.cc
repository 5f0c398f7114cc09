#include "cli/desk.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/wrong_use.h"

namespace ds::cli {
namespace {

/// Numbers as JSON has them, exactly: 33.3 becomes 33.3 %, not its binary neighbour.
Result<Percent> percent_of(const nlohmann::json& body, const char* name) {
  const auto found = body.find(name);
  if (found == body.end() || !found->is_number())
    return wrong_use(fmt::format("the mix has no number '{}'", name),
                     R"({"positive": 50, "negative": 30, "neutral": 20})");
  return Percent::parse(found->dump());
}

}  // namespace

Desk::Desk(Storm& storm, const Clock& clock)
    : storm_(storm),
      clock_(clock),
      schedule_(storm.options().run.schedule),
      mix_(storm.options().mix) {}

Controls Desk::controls() {
  return {.start = [this] { return start(); },
          .stop = [this] { return stop(); },
          .crisis = [this] { return swing("10", "80", "10"); },
          .opportunity = [this] { return swing("85", "5", "10"); },
          .rate = [this](std::optional<double> rate) { return set_rate(rate); },
          .mix = [this](const std::string& json) { return set_mix(json); }};
}

void Desk::show(Snapshot& into) const {
  into.state = storm_.run().finished() ? "finished" : stopped_ ? "stopped" : "running";
  if (into.state != "stopped") return;
  into.rate.target.reset();
  if (!schedule_.is_flat_out()) into.rate.target = schedule_.rate(0);
}

void Desk::tick() {
  if (swing_until_ == 0 || clock_.now() < swing_until_) return;
  swing_until_ = 0;
  storm_.change_mix(mix_);
}

Status Desk::start() {
  if (storm_.run().finished())
    return wrong_use("this storm has ended", "start `datastorm up` again for another");
  stopped_ = false;
  storm_.run().change_schedule(schedule_);
  return Done{};
}

Status Desk::stop() {
  stopped_ = true;
  storm_.run().change_schedule(Schedule::steady(0));
  return Done{};
}

Status Desk::swing(std::string_view positive, std::string_view negative, std::string_view neutral) {
  const auto percent = [](std::string_view text) { return Percent::parse(text).value(); };
  storm_.change_mix(Mix::fixed(percent(positive), percent(negative), percent(neutral)).value());
  swing_until_ = clock_.now() + kSwingTime;
  return Done{};
}

Status Desk::set_rate(std::optional<double> rate) {
  if (rate && *rate > 1e9) return wrong_use("a rate is at most 1000000000 records a second");
  schedule_ = rate ? Schedule::steady(*rate) : Schedule::flat_out();
  if (!stopped_) storm_.run().change_schedule(schedule_);
  return Done{};
}

Status Desk::set_mix(const std::string& text) {
  const auto body = nlohmann::json::parse(text, nullptr, false);
  if (!body.is_object())
    return wrong_use("the mix is not a JSON object",
                     R"({"positive": 50, "negative": 30, "neutral": 20})");
  auto positive = percent_of(body, "positive"), negative = percent_of(body, "negative"),
       neutral = percent_of(body, "neutral");
  for (const auto* each : {&positive, &negative, &neutral})
    if (!*each) return each->error();
  const std::string mode = body.value("mode", "fixed");
  if (mode != "fixed" && mode != "volatile")
    return wrong_use(fmt::format("'{}' is not a mode", mode), "fixed or volatile");
  const auto volatility = body.find("volatility");
  if (volatility != body.end() && !volatility->is_number())
    return wrong_use("the volatility is not a number");
  auto mix = mode == "fixed"
                 ? Mix::fixed(*positive, *negative, *neutral)
                 : Mix::swinging(*positive, *negative, *neutral,
                                 volatility == body.end() ? 0.8 : volatility->get<double>(),
                                 storm_.options().tweets.seed);
  if (!mix) return std::move(mix).error();
  mix_ = *mix;
  swing_until_ = 0;
  storm_.change_mix(mix_);
  return Done{};
}

}  // namespace ds::cli
