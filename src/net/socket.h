// TCP and Unix-domain sockets: addresses, listening, connecting. All sockets made here are
// non-blocking, close-on-exec and without Nagle's delay. A name with several addresses is tried
// IPv4 first.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "net/fd.h"

namespace ds {

struct Address {
  std::string host;  // a name, an IPv4 or an IPv6 address without brackets, or "unix:PATH"
  std::uint16_t port = 0;

  /// A socket in the file system, for programs of one machine: a third less time of the processor
  /// for each byte than loopback (docs/decisions/0011).
  static Address unix_path(std::string_view path) { return {"unix:" + std::string(path), 0}; }
  bool is_unix() const { return host.starts_with("unix:"); }
  std::string path() const { return is_unix() ? host.substr(5) : std::string(); }

  std::string to_string() const;  // "127.0.0.1:9092", "[::1]:9092", "unix:/run/broker.sock"
  bool is_loopback() const;       // 127.0.0.0/8, ::1, "localhost", or of this machine alone
  bool operator==(const Address&) const = default;
  auto operator<=>(const Address&) const = default;
};

/// "unix:/path", "host:port", "[::1]:port", ":port" (then `host_default`) or "host" (then
/// `port_default`, if not 0).
Result<Address> parse_address(std::string_view text, std::string_view host_default = "127.0.0.1",
                              std::uint16_t port_default = 0);
/// "a:1,b:2"; at least one.
Result<std::vector<Address>> parse_addresses(std::string_view text, std::uint16_t port_default = 0);

/// Listens; port 0 takes a free one (see local_address). Says so in words when the port is taken. A
/// Unix socket is for its owner alone; one that nobody listens on any more is replaced.
Result<Fd> listen_tcp(const Address& address, int backlog = 1024);
/// Next waiting connection, or an empty Fd when there is none now.
Result<Fd> accept_connection(int listener);
Result<Address> local_address(int fd);
Result<Address> peer_address(int fd);

/// Starts to connect and returns at once; the socket becomes writable when it is decided, then
/// ask connect_result(). Resolves names first (this may block for the resolver's time).
Result<Fd> start_connect(const Address& address);
Status connect_result(int fd, const Address& address);
/// Connects and waits up to `timeout`.
Result<Fd> connect_tcp(const Address& address, Nanos timeout);

/// SO_SNDBUF and SO_RCVBUF; large ones let loopback run at full speed.
void set_buffer_sizes(int fd, int bytes);

}  // namespace ds
