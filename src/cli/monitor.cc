// `datastorm monitor`: the terminal screen of a run that is shown by a dashboard somewhere.
#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/common.h"
#include "cli/interrupt.h"
#include "cli/terminal.h"
#include "net/http_client.h"
#include "observe/snapshot_json.h"

namespace ds::cli {
namespace {

Result<Address> parse_url(std::string_view url) {
  constexpr std::string_view kScheme = "http://";
  if (!url.starts_with(kScheme))
    return Error{.code = ErrorCode::kUsage,
                 .message = fmt::format("'{}' is not an address of a dashboard", url),
                 .hint = "http://HOST:PORT"};
  url.remove_prefix(kScheme.size());
  while (url.ends_with('/')) url.remove_suffix(1);
  return parse_address(url, "127.0.0.1", 80);
}

int run_monitor(const Invocation& invocation) {
  Reader read(invocation.settings);
  const std::string url = read.text("url");
  const Address address = read.take("url", parse_url(url));
  const std::string token = read.text("token");
  const bool json = read.on("json"), quiet = read.on("quiet");
  if (const auto wrong = read.errors()) return report_error(*wrong);

  const Interrupt interrupt;
  const SystemClock clock;
  HttpHeaders headers;
  if (!token.empty()) headers.emplace_back("Authorization", "Bearer " + token);
  auto events = HttpEventReader::open(address, "/api/stream", headers);
  if (!events) {
    Error error = std::move(events).error();
    error.code = ErrorCode::kUnreachable;
    error.hint = "start one with `datastorm up`, or name yours with --url";
    return report_error(error);
  }
  Terminal terminal(ScreenTitle::kGeneration, json, quiet);
  Snapshot last;
  while (!Interrupt::asked()) {
    auto event = events->next(kSecond / 4);
    if (!event && event.error().code == ErrorCode::kTimeout) continue;
    if (!event || !*event) {
      terminal.finish(last);
      return report_error(
          Error{.code = ErrorCode::kUnreachable, .message = fmt::format("{} has ended", url)});
    }
    if ((*event)->name != "status") continue;
    auto snapshot = parse_snapshot((*event)->data);
    if (!snapshot) return report_error(snapshot.error());
    last = std::move(*snapshot);
    if (json) fmt::print("{}\n", (*event)->data), std::fflush(stdout);
    terminal.show(last, clock.now());
  }
  terminal.finish(last);
  return kInterruptedCleanly;
}

}  // namespace

Command monitor_command() {
  return {.name = "monitor",
          .purpose = "show a running dashboard's storm in the terminal",
          .example = "datastorm monitor --url http://127.0.0.1:3000",
          .settings = {"url", "token"},
          .run = run_monitor};
}

}  // namespace ds::cli
