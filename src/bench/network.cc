// The same load over localhost and over a link of 10 Gbit/s: two network namespaces, a pair of
// virtual cards between them, and the kernel's token bucket on both. It needs root and iproute2.
#include <unistd.h>

#include <filesystem>

#include "bench/own_program.h"
#include "bench/suite.h"

namespace ds {
namespace {

// $1: a name. The shell keeps the link until its input ends, also when we die.
constexpr char kLink[] = R"(
trap '' PIPE
a="$1a" b="$1b"
clean() { ip netns del "$a" 2>/dev/null; ip netns del "$b" 2>/dev/null; }
up() {
  ip netns add "$a" && ip netns add "$b" &&
  ip link add "$a" netns "$a" type veth peer name "$b" netns "$b" &&
  ip -n "$a" addr add 10.203.7.1/30 dev "$a" && ip -n "$b" addr add 10.203.7.2/30 dev "$b" &&
  ip -n "$a" link set lo up && ip -n "$b" link set lo up &&
  ip -n "$a" link set "$a" up && ip -n "$b" link set "$b" up &&
  ip netns exec "$a" tc qdisc add dev "$a" root tbf rate 10gbit burst 4mb latency 20ms &&
  ip netns exec "$b" tc qdisc add dev "$b" root tbf rate 10gbit burst 4mb latency 20ms
}
if up; then echo "link is up"; else clean; exit 1; fi
read -r _
clean
)";

class Link {
 public:
  static Result<std::unique_ptr<Link>> make() {
    const std::string name = fmt::format("ds{}", ::getpid() % 1'000'000);
    auto child = Child::start(kLink, {name});
    if (!child) return std::move(child).error();
    std::string said = "ip and tc are missing";
    while (auto line = (*child)->read_line()) {
      said = *line;
      if (said == "link is up") return std::unique_ptr<Link>(new Link(std::move(*child), name));
    }
    return Error{.message = said};
  }
  std::string from() const { return fmt::format("ip netns exec {}a", name_); }
  std::string to() const { return fmt::format("ip netns exec {}b", name_); }

 private:
  Link(std::unique_ptr<Child> child, std::string name)
      : child_(std::move(child)), name_(std::move(name)) {}
  std::unique_ptr<Child> child_;
  std::string name_;
};

struct Side {
  std::vector<double> rates, bytes, p99;
  double record_bytes = 0;
};

/// Broker and producer as processes, each in its namespace when there is one.
Status send(const BenchContext& context, const std::string& from, const std::string& to,
            const std::string& host, Side& side) {
  const std::string folder = context.folder + "/network";
  auto broker = Part::start(
      {.arguments = {"broker", "--listen", host + ":0", "--data-dir", folder, "--durability",
                     "cache", "--retention-bytes", "1GiB", "--allow-anonymous"},
       .before = to});
  if (!broker) return std::move(broker).error();
  auto address = (*broker)->told("broker ready at ");
  if (!address) return std::move(address).error().while_trying("start a broker");
  auto producer = Part::start(
      {.arguments = {"produce", "--brokers", *address, "--topic", "bench", "--total", "0",
                     "--duration", fmt::format("{}ms", context.duration / kMillisecond), "--json",
                     "--quiet"},
       .before = from});
  if (!producer) return std::move(producer).error();
  const Part::Ended ended = (*producer)->finish();
  if (ended.exit_code != 0)
    return Error{.message =
                     fmt::format("produce ended with {}: {}", ended.exit_code, ended.last_line)};
  double figures[3];
  constexpr std::string_view kNames[] = {"rate_avg", "bytes_per_record", "latency_us.p99"};
  for (std::size_t i = 0; i < std::size(figures); ++i) {
    const auto figure = json_number(ended.last_line, kNames[i]);
    if (!figure) return figure.error();
    figures[i] = *figure;
  }
  side.rates.push_back(figures[0] / 1e6);
  side.bytes.push_back(figures[0] * figures[1] / 1e6);
  side.record_bytes = figures[1];
  side.p99.push_back(figures[2] / 1000);
  (*broker)->stop();
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
  return Done{};
}

void tell(const std::string& name, const Side& side, const char* more,
          std::vector<BenchRow>& rows) {
  const Conditions conditions{.record_bytes = side.record_bytes,
                              .acks = "1",
                              .codec = "none",
                              .durability = "cache",
                              .engine = "direct",
                              .more = more};
  rows.push_back(row_of(name, "M records/s", side.rates, conditions));
  rows.push_back(row_of(name + ", bandwidth", "MB/s", side.bytes, conditions));
  rows.push_back(row_of(name + ", latency p99", "ms", side.p99, conditions));
}

}  // namespace

Rows bench_network(const BenchContext& context) {
  if (::getuid() != 0)
    return std::vector<BenchRow>{
        skipped_row("10 Gbit/s link", "network namespaces need root; run it as root")};
  auto link = Link::make();
  Side local, shaped;
  for (int run = 0; run < context.runs; ++run) {
    if (Status sent = send(context, "", "", "127.0.0.1", local); !sent)
      return std::move(sent).error();
    if (!link) continue;
    if (Status sent = send(context, (*link)->from(), (*link)->to(), "10.203.7.2", shaped); !sent)
      return std::move(sent).error().while_trying("send over the link");
  }
  std::vector<BenchRow> rows;
  tell("localhost", local, "broker and `produce` as processes, flat out, over loopback", rows);
  if (!link) {
    rows.push_back(skipped_row("10 Gbit/s link", link.error().message));
    return rows;
  }
  tell("10 Gbit/s link", shaped,
       "the same between two network namespaces, veth, tbf rate 10gbit burst 4mb latency 20ms on "
       "both sides",
       rows);
  rows.push_back(row_of("10 Gbit/s link / localhost", "ratio", ratios(shaped.rates, local.rates),
                        Conditions{.record_bytes = local.record_bytes,
                                   .acks = "1",
                                   .codec = "none",
                                   .durability = "cache",
                                   .engine = "direct"}));
  return rows;
}

}  // namespace ds
