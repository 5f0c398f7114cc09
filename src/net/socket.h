// TCP sockets: addresses, listening, connecting. All sockets made here are non-blocking,
// close-on-exec and without Nagle's delay. A name with several addresses is tried IPv4 first.
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
  std::string host;  // a name, an IPv4 or an IPv6 address without brackets
  std::uint16_t port = 0;

  std::string to_string() const;  // "127.0.0.1:9092", "[::1]:9092"
  bool is_loopback() const;       // 127.0.0.0/8, ::1 or "localhost"
  bool operator==(const Address&) const = default;
  auto operator<=>(const Address&) const = default;
};

/// "host:port", "[::1]:port", ":port" (then `host_default`) or "host" (then `port_default`, if not
/// 0).
Result<Address> parse_address(std::string_view text, std::string_view host_default = "127.0.0.1",
                              std::uint16_t port_default = 0);
/// "a:1,b:2"; at least one.
Result<std::vector<Address>> parse_addresses(std::string_view text, std::uint16_t port_default = 0);

/// Listens; port 0 takes a free one (see local_address). Says so in words when the port is taken.
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
