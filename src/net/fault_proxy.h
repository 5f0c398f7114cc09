// A TCP proxy that makes trouble on request: it stands between a client and a server, and delays,
// slows, slices, swallows, resets, lets a request through and cuts off its answer, or passes it on
// twice.
//
//   auto proxy = FaultProxy::start(server, {"127.0.0.1", 0}, clock);
//   connect((*proxy)->address());
//   (*proxy)->set({.delay = 20 * kMillisecond, .slice = 7});
//   (*proxy)->cut_answers({.every = 3, .count = 500});   // the server has done it; nobody is told
//   (*proxy)->stats().cuts
//
// Cutting knows one thing of the protocol, as Kafka's: each message begins with its length (4
// bytes, big-endian), and the answers of a connection come in the order of its requests.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "net/socket.h"

namespace ds {

/// What is done to every connection from now on, in both directions.
struct Trouble {
  Nanos delay = 0;                   // of each piece, one way
  Nanos jitter = 0;                  // up to so much more, drawn for each piece; none overtakes
  std::uint64_t bytes_a_second = 0;  // 0: as fast as it goes
  std::size_t slice = 0;             // at most so many bytes in one write; 0: all there is
  bool swallow = false;              // a black hole: connections stay open and nothing arrives
  Nanos slow_close = 0;              // an end is passed on so much later
};

/// Of the requests that `which` picks (by their first bytes, the length left out), after every so
/// many answers the next one is cut off: both sides are reset once its first byte has come from the
/// server, which has then done what it was asked for.
struct Cuts {
  int every = 1;
  int count = 0;
  std::function<bool(ByteView request)> which = [](ByteView) { return true; };
};

/// Of the requests that `which` picks, every so many goes to the server twice; the second answer
/// is kept from the client. Only where the proxy passes messages on whole, see rename().
struct Doubles {
  int every = 1;
  int count = 0;
  std::function<bool(ByteView request)> which = [](ByteView) { return true; };
};

/// Whether it is Kafka's Produce, for `which`.
bool is_kafka_produce(ByteView request);
/// How Kafka's answers name a broker in every version: the host, then the port.
std::string kafka_name_of(const Address& address);

struct FaultProxyStats {
  std::uint64_t connections = 0;
  std::uint64_t cuts = 0;     // answers that were cut off
  std::uint64_t doubled = 0;  // requests that went to the server twice
  std::uint64_t resets = 0;   // connections that reset_all() ended
  std::uint64_t bytes_up = 0;
  std::uint64_t bytes_down = 0;
};

/// Threads:  one lane of its own; all calls from any thread.
/// Lifetime: the destructor resets what is open.
class FaultProxy {
 public:
  static Result<std::unique_ptr<FaultProxy>> start(const Address& server, const Address& listen,
                                                   const Clock& clock);
  ~FaultProxy();
  FaultProxy(const FaultProxy&) = delete;
  FaultProxy& operator=(const FaultProxy&) = delete;

  Address address() const;
  void set(const Trouble& trouble);
  void cut_answers(Cuts cuts);
  void double_requests(Doubles doubles);
  /// Ends every connection by RST.
  void reset_all();
  /// In what the server says, `named` is replaced by `ours` (as long): so that clients who are told
  /// the server's address come back to the proxy. Messages are passed on whole by connections that
  /// begin after it.
  void rename(std::string named, std::string ours);
  FaultProxyStats stats() const;

 private:
  struct Running;
  explicit FaultProxy(std::unique_ptr<Running> running);
  std::unique_ptr<Running> running_;
};

}  // namespace ds
