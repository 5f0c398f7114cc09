#include "net/socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>

namespace ds {
namespace {

constexpr std::size_t kHostBytesMax = 253;  // RFC 1035

/// A socket address of either family, as the kernel wants it.
struct Endpoint {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;

  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  int family() const { return storage.ss_family; }
};

Error bad_address(std::string_view text, std::string_view why) {
  return Error{.code = ErrorCode::kUsage,
               .message = fmt::format("\"{}\" is no address: {}", text, why),
               .hint = "write host:port, such as localhost:9092 or [::1]:9092"};
}

Error system_error(ErrorCode code, const Address& address, std::string_view what, int error) {
  return Error{.code = code,
               .message = fmt::format("{} {}: {}", address.to_string(), what, strerror(error))};
}

bool is_host_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '-' || c == '_';
}

bool is_ipv6(const std::string& host) {
  in6_addr ignored;
  return inet_pton(AF_INET6, host.c_str(), &ignored) == 1;
}

Result<std::uint16_t> parse_port(std::string_view text, std::string_view digits) {
  unsigned port = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, port);
  if (error != std::errc{} || stop != end || port > 65535)
    return bad_address(text, fmt::format("\"{}\" is no port from 0 to 65535", digits));
  return static_cast<std::uint16_t>(port);
}

Result<Endpoint> unix_endpoint(const Address& address) {
  Endpoint endpoint;
  auto& name = reinterpret_cast<sockaddr_un&>(endpoint.storage);
  const std::string path = address.path();
  if (path.empty() || path.size() >= sizeof name.sun_path)
    return Error{.code = ErrorCode::kUsage,
                 .message = fmt::format("the path of a socket has 1 to {} bytes, not {}",
                                        sizeof name.sun_path - 1, path.size()),
                 .hint = "choose a shorter one, such as unix:/run/broker.sock"};
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, path.c_str(), path.size() + 1);
  endpoint.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return endpoint;
}

/// All endpoints of a name, IPv4 first: our own broker listens on 127.0.0.1 by default, while
/// "localhost" resolves to ::1 first on most machines.
Result<std::vector<Endpoint>> resolve(const Address& address, int flags) {
  if (address.is_unix()) {
    auto only = unix_endpoint(address);
    if (!only) return std::move(only).error();
    return std::vector{*only};
  }
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  const int error = getaddrinfo(address.host.empty() ? nullptr : address.host.c_str(),
                                fmt::format("{}", address.port).c_str(), &hints, &list);
  if (error != 0)
    return Error{
        .code = ErrorCode::kUnreachable,
        .message = fmt::format("the name {} does not resolve: {}", address.host,
                               error == EAI_SYSTEM ? strerror(errno) : gai_strerror(error)),
        .hint = "check the spelling of the host"};
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(list, &freeaddrinfo);
  std::vector<Endpoint> endpoints;
  for (const addrinfo* each = list; each; each = each->ai_next) {
    Endpoint endpoint;
    std::memcpy(&endpoint.storage, each->ai_addr, each->ai_addrlen);
    endpoint.length = each->ai_addrlen;
    endpoints.push_back(endpoint);
  }
  std::stable_partition(endpoints.begin(), endpoints.end(),
                        [](const Endpoint& each) { return each.family() == AF_INET; });
  return endpoints;
}

Fd make_socket(int family) {
  Fd fd(socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  return fd;
}

void switch_on(int fd, int level, int option) {
  const int on = 1;
  setsockopt(fd, level, option, &on, sizeof on);
}

Address to_address(const Endpoint& endpoint) {
  if (endpoint.family() == AF_UNIX)  // who has connected has no name
    return Address::unix_path(endpoint.length > offsetof(sockaddr_un, sun_path)
                                  ? reinterpret_cast<const sockaddr_un&>(endpoint.storage).sun_path
                                  : "");
  char host[INET6_ADDRSTRLEN] = "";
  if (endpoint.family() == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(endpoint.storage);
    inet_ntop(AF_INET, &v4.sin_addr, host, sizeof host);
    return {host, ntohs(v4.sin_port)};
  }
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(endpoint.storage);
  inet_ntop(AF_INET6, &v6.sin6_addr, host, sizeof host);
  return {host, ntohs(v6.sin6_port)};
}

Error connect_error(const Address& address, int error) {
  const std::string name = address.to_string();
  switch (error) {
    case ECONNREFUSED:
      return {ErrorCode::kUnreachable, name + " refused the connection",
              "check that a server listens there"};
    case ENOENT:
      return {ErrorCode::kUnreachable, "there is no " + name,
              "check the path, and that a server listens there"};
    case ETIMEDOUT:
      return {ErrorCode::kUnreachable, name + " does not answer",
              "check the address and the firewalls on the way"};
    case ENETUNREACH:
    case EHOSTUNREACH:
      return {ErrorCode::kUnreachable, "there is no route to " + name, "check the network"};
    default:
      return system_error(ErrorCode::kUnreachable, address, "cannot be connected to", error);
  }
}

/// Starts connecting to one endpoint; the error number, or 0 when it is under way or done.
int begin_connect(Endpoint endpoint, Fd& fd) {
  fd = make_socket(endpoint.family());
  if (!fd) return errno;
  if (endpoint.family() != AF_UNIX) switch_on(fd.get(), IPPROTO_TCP, TCP_NODELAY);
  if (connect(fd.get(), endpoint.get(), endpoint.length) == 0) return 0;
  return errno == EINPROGRESS || errno == EINTR ? 0 : errno;
}

/// Waits until a connect under way is decided; the error number, or 0 when it stands.
int finish_connect(int fd, Nanos timeout) {
  const SystemClock clock;
  const Nanos deadline = clock.now() + timeout;
  pollfd waiting{.fd = fd, .events = POLLOUT, .revents = 0};
  while (true) {
    const Nanos left = std::max<Nanos>(deadline - clock.now(), 0);
    const timespec wait{left / kSecond, left % kSecond};
    const int ready = ppoll(&waiting, 1, &wait, nullptr);
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) return errno;
    if (ready == 0) return ETIMEDOUT;
    int error = 0;
    socklen_t length = sizeof error;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
    return error;
  }
}

/// A socket file that nobody listens on is what a program that was killed has left.
void remove_if_dead(Endpoint endpoint, const Address& address) {
  struct stat found {};
  if (lstat(address.path().c_str(), &found) != 0 || !S_ISSOCK(found.st_mode)) return;
  Fd fd;
  if (begin_connect(endpoint, fd) == ECONNREFUSED) unlink(address.path().c_str());
}

}  // namespace

std::string Address::to_string() const {
  if (is_unix()) return host;
  if (host.find(':') != std::string::npos) return fmt::format("[{}]:{}", host, port);
  return fmt::format("{}:{}", host, port);
}

bool Address::is_loopback() const {
  if (host == "localhost" || is_unix()) return true;
  in_addr v4;
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return ntohl(v4.s_addr) >> 24 == 127;
  in6_addr v6;
  return inet_pton(AF_INET6, host.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

Result<Address> parse_address(std::string_view text, std::string_view host_default,
                              std::uint16_t port_default) {
  if (text.empty()) return bad_address(text, "it is empty");
  if (const Address path{std::string(text), 0}; path.is_unix()) {
    if (auto fits = unix_endpoint(path); !fits) return std::move(fits).error();
    return path;
  }
  std::string_view host = text;
  std::string_view port;
  bool has_port = false;
  if (text.front() == '[') {
    const auto close = text.find(']');
    if (close == text.npos) return bad_address(text, "the bracket is not closed");
    host = text.substr(1, close - 1);
    if (!is_ipv6(std::string(host))) return bad_address(text, "no IPv6 address in the brackets");
    const std::string_view rest = text.substr(close + 1);
    has_port = !rest.empty();
    if (has_port && rest.front() != ':') return bad_address(text, "no colon after the bracket");
    if (has_port) port = rest.substr(1);
  } else {
    const auto colon = text.find(':');
    has_port = colon != text.npos;
    if (has_port) {
      host = text.substr(0, colon);
      port = text.substr(colon + 1);
    }
    if (is_ipv6(std::string(text))) return bad_address(text, "an IPv6 address needs brackets");
    if (host.empty()) host = host_default;
    if (host.size() > kHostBytesMax || !std::all_of(host.begin(), host.end(), is_host_character))
      return bad_address(text, fmt::format("\"{}\" is no host name", host));
  }
  if (!has_port) {
    if (port_default == 0) return bad_address(text, "the port is missing");
    return Address{std::string(host), port_default};
  }
  auto number = parse_port(text, port);
  if (!number) return std::move(number).error();
  return Address{std::string(host), *number};
}

Result<std::vector<Address>> parse_addresses(std::string_view text, std::uint16_t port_default) {
  std::vector<Address> addresses;
  while (true) {
    const auto comma = text.find(',');
    auto address = parse_address(text.substr(0, comma), "127.0.0.1", port_default);
    if (!address) return std::move(address).error();
    addresses.push_back(std::move(*address));
    if (comma == text.npos) return addresses;
    text.remove_prefix(comma + 1);
  }
}

Result<Fd> listen_tcp(const Address& address, int backlog) {
  auto endpoints = resolve(address, AI_PASSIVE);
  if (!endpoints) return std::move(endpoints).error();
  Endpoint& endpoint = endpoints->front();
  Fd fd = make_socket(endpoint.family());
  if (!fd) return system_error(ErrorCode::kFailed, address, "gets no socket", errno);
  if (address.is_unix())
    remove_if_dead(endpoint, address);
  else
    switch_on(fd.get(), SOL_SOCKET, SO_REUSEADDR);
  if (address.is_unix()) fchmod(fd.get(), S_IRUSR | S_IWUSR);  // before it has a name
  if (bind(fd.get(), endpoint.get(), endpoint.length) != 0 || listen(fd.get(), backlog) != 0) {
    switch (errno) {
      case EADDRINUSE:
        return Error{.code = ErrorCode::kUsage,
                     .message = fmt::format("{} is taken by another program", address.to_string()),
                     .hint = address.is_unix()
                                 ? "choose another path, or stop the program that listens there"
                                 : "choose another port, or stop the program that listens there"};
      case EADDRNOTAVAIL:
        return Error{
            .code = ErrorCode::kUsage,
            .message = fmt::format("{} is no address of this machine", address.to_string()),
            .hint = "listen on 127.0.0.1, or on 0.0.0.0 for all addresses"};
      case EACCES:
        return Error{.code = ErrorCode::kUsage,
                     .message = fmt::format("port {} is reserved for root", address.port),
                     .hint = "choose a port above 1023"};
      default:
        return system_error(ErrorCode::kUsage, address, "cannot be listened on", errno);
    }
  }
  return fd;
}

Result<Fd> accept_connection(int listener) {
  while (true) {
    Fd fd(accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (fd) {
      switch_on(fd.get(), IPPROTO_TCP, TCP_NODELAY);
      return fd;
    }
    if (errno == EAGAIN) return Fd();
    // Gone again before it was taken: the next one may be fine.
    if (errno == EINTR || errno == ECONNABORTED || errno == EPROTO) continue;
    return Error{.code = ErrorCode::kFailed,
                 .message = fmt::format("cannot accept a connection: {}", strerror(errno)),
                 .hint = "raise the limit of open files (ulimit -n)"};
  }
}

Result<Address> local_address(int fd) {
  Endpoint endpoint;
  if (getsockname(fd, endpoint.get(), &endpoint.length) != 0)
    return Error{.message = fmt::format("the socket has no address: {}", strerror(errno))};
  return to_address(endpoint);
}

Result<Address> peer_address(int fd) {
  Endpoint endpoint;
  if (getpeername(fd, endpoint.get(), &endpoint.length) != 0)
    return Error{.code = ErrorCode::kUnreachable,
                 .message = fmt::format("the socket has no peer: {}", strerror(errno))};
  return to_address(endpoint);
}

Result<Fd> start_connect(const Address& address) {
  auto endpoints = resolve(address, 0);
  if (!endpoints) return std::move(endpoints).error();
  int error = 0;
  for (const Endpoint& endpoint : *endpoints) {
    Fd fd;
    error = begin_connect(endpoint, fd);
    if (error == 0) return fd;
  }
  return connect_error(address, error);
}

Status connect_result(int fd, const Address& address) {
  int error = 0;
  socklen_t length = sizeof error;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) error = errno;
  if (error != 0) return connect_error(address, error);
  return Done{};
}

Result<Fd> connect_tcp(const Address& address, Nanos timeout) {
  auto endpoints = resolve(address, 0);
  if (!endpoints) return std::move(endpoints).error();
  int error = 0;
  for (const Endpoint& endpoint : *endpoints) {
    Fd fd;
    error = begin_connect(endpoint, fd);
    if (error == 0) error = finish_connect(fd.get(), timeout);
    if (error == 0) return fd;
  }
  return connect_error(address, error);
}

void set_buffer_sizes(int fd, int bytes) {
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

}  // namespace ds
