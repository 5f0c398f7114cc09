// The dashboard's server: the embedded page, the JSON API, live events, metrics and health; and
// the control API with the old system's paths on a port of its own. docs/formats/http-api.md is
// the contract.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/log.h"
#include "net/http_server.h"
#include "net/lane.h"
#include "observe/alerts.h"
#include "observe/history.h"
#include "observe/observer.h"
#include "observe/second_hand.h"
#include "web/guard.h"

namespace ds {

/// What the buttons do. An empty function answers 501: this server has nothing to control.
struct Controls {
  std::function<Status()> start;
  std::function<Status()> stop;
  std::function<Status()> crisis;
  std::function<Status()> opportunity;
  std::function<Status(std::optional<double> records_per_second)> rate;  // nothing: as it goes
  std::function<Status(const std::string& json)> mix;

  /// The names of those that are there, as the status lists them.
  std::vector<std::string> offered() const;
};

/// Threads:  its own two lanes: one serves, one keeps the history (so that a query of a day never
///           holds the other up). `take` and the controls are called on the first and must not
///           block.
/// Lifetime: the destructor ends viewers, drains and joins.
class Dashboard {
 public:
  using PastOfStore =
      std::function<Result<HistoryColumns>(const HistorySpan& span, const std::string& brand)>;
  struct Settings {
    Address dashboard{"127.0.0.1", 3000};
    std::optional<Address> control;  // none: only under /api
    std::string history_file;
    /// What the store itself knows of the past, where it can tell: then sentiments come from there.
    /// Called on the history's lane, and may wait.
    PastOfStore past_of_store = {};
    GuardSettings guard;
    std::string option = "--dashboard";  // what names `dashboard` on the command line
  };
  using TakeSnapshot = std::function<Snapshot()>;

  static Result<std::unique_ptr<Dashboard>> start(const Settings& settings, TakeSnapshot take,
                                                  Controls controls, const Clock& clock, Log& log);
  ~Dashboard();

  const Address& address() const { return address_; }
  const std::optional<Address>& control_address() const { return control_address_; }
  /// Whoever serves it guards it too: requests for this path go there, not past the session guard.
  void mount(std::string path, HttpHandler handler);
  Lane& lane() { return lane_; }
  /// What was observed last: the terminal shows the same.
  Snapshot latest() const;
  /// Observes once more, tells viewers and keeps it, e.g. at the end.
  void tick_now();

 private:
  Dashboard(TakeSnapshot take, Controls controls, const Clock& clock, Log& log);
  void tick();
  void tick_every_second();
  void look();
  std::vector<Alert> watch(const std::vector<HistoryPoint>& points);
  void tell(const std::vector<HistoryPoint>& points, const std::vector<Alert>& alerts);
  void keep(std::vector<HistoryPoint> points, std::vector<Alert> alerts);
  void open_stream(const HttpRequest& request, HttpResponder answer);
  void serve(const HttpRequest& request, HttpResponder answer);
  void log_in(const HttpRequest& request, HttpResponder& answer);
  void serve_api(std::string_view path, const HttpRequest& request, HttpResponder answer);
  void reply_alerts(HttpResponder& answer);
  Result<HistoryColumns> read_history(const HistorySpan& span, const std::string& brand);
  void serve_history(const HttpRequest& request, HttpResponder answer);
  void control(std::string_view what, const HttpRequest& request, HttpResponder answer);
  void refuse(HttpResponder& answer, int status, const std::string& why,
              const std::string& hint = "");
  void reply_status(HttpResponder& answer);

  TakeSnapshot take_;
  Controls controls_;
  const Clock& clock_;
  Log& log_;
  std::unique_ptr<History> history_;  // belongs to keeper_
  PastOfStore past_of_store_;         // may be empty; keeper_'s too
  Observer observer_;
  AlertWatch alert_watch_;
  std::deque<Alert> alerts_;  // the last, the newest at the end; those of earlier lives too
  SecondHand second_hand_;
  mutable std::mutex latest_mutex_;
  Snapshot latest_;
  struct Told {
    std::int64_t id;
    std::string event;
  };
  std::deque<Told> told_;  // the last points, for viewers that come back
  std::vector<HttpStream> viewers_;
  Address address_;
  std::optional<Address> control_address_;
  std::string mounted_path_;  // empty: nothing is mounted
  HttpHandler mounted_;
  std::unique_ptr<Guard> page_guard_;
  std::unique_ptr<Guard> control_guard_;
  Lane keeper_;
  Lane lane_;
  std::unique_ptr<HttpServer> page_;
  std::unique_ptr<HttpServer> control_server_;
};

}  // namespace ds
