// net/fault_proxy.h for scripts and people: trouble between a Kafka client and its broker.
//
//   fault_proxy SERVER [LISTEN]     prints "proxy ready at HOST:PORT", then obeys its input:
//   cut EVERY COUNT                 of Produce requests, after EVERY answers cut the next; COUNT
//   times delay MS | rate BYTES | slice BYTES | swallow on|off | reset stats prints "connections N
//   cuts N resets N up N down N"
//
// The broker's own address in its answers is replaced by the proxy's, where both have a host of
// one length, so that clients come back. It ends with its input.
#include <fmt/format.h>

#include <iostream>
#include <sstream>

#include "net/fault_proxy.h"

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  const auto server = ds::parse_address(argv[1]);
  const auto listen = ds::parse_address(argc > 2 ? argv[2] : "127.0.0.1:0");
  if (!server || !listen) return 2;
  ds::SystemClock clock;
  auto proxy = ds::FaultProxy::start(*server, *listen, clock);
  if (!proxy) {
    fmt::print(stderr, "fault_proxy: {}\n", proxy.error().message);
    return 3;
  }
  if (server->host.size() == (*proxy)->address().host.size())
    (*proxy)->rename(ds::kafka_name_of(*server), ds::kafka_name_of((*proxy)->address()));
  fmt::print("proxy ready at {}\n", (*proxy)->address().to_string());
  std::fflush(stdout);
  ds::Trouble trouble;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream in(line);
    std::string what, word;
    long number = 0, more = 0;
    in >> what;
    if (what == "swallow") {
      in >> word;
      trouble.swallow = word == "on";
    } else {
      in >> number >> more;
    }
    if (what == "delay") trouble.delay = number * ds::kMillisecond;
    if (what == "jitter") trouble.jitter = number * ds::kMillisecond;
    if (what == "slow-close") trouble.slow_close = number * ds::kMillisecond;
    if (what == "rate") trouble.bytes_a_second = static_cast<std::uint64_t>(number);
    if (what == "slice") trouble.slice = static_cast<std::size_t>(number);
    if (what == "cut")
      (*proxy)->cut_answers({.every = static_cast<int>(number),
                             .count = static_cast<int>(more),
                             .which = ds::is_kafka_produce});
    if (what == "reset") (*proxy)->reset_all();
    (*proxy)->set(trouble);
    const auto stats = (*proxy)->stats();
    if (what == "stats")
      fmt::print("connections {} cuts {} resets {} up {} down {}\n", stats.connections, stats.cuts,
                 stats.resets, stats.bytes_up, stats.bytes_down);
    std::fflush(stdout);
  }
}
