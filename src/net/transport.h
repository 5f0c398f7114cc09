// The bytes of one connection, plain or TLS, without blocking.
//
// The three rules of a loop that drives one:
//   1. on EPOLLIN read() until it would block (TLS may hold bytes that epoll does not know of);
//   2. after reading, and on EPOLLOUT, write() what is waiting, even when that is nothing;
//   3. ask epoll for EPOLLOUT exactly while wants_write().
// The TLS handshake is then no state of the caller's: until it is done, reads and writes would
// block. A client calls flush() once after connecting, which sends its hello.
#pragma once

#include <sys/uio.h>

#include <memory>
#include <span>
#include <string>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "net/fd.h"

namespace ds {

struct IoResult {
  enum class Kind : std::uint8_t {
    kBytes,       // `bytes` of them, at least one
    kWouldBlock,  // nothing now
    kClosed,      // the peer has ended the connection properly
    kError,       // see Transport::error()
  };
  Kind kind;
  std::size_t bytes = 0;

  bool ok() const { return kind == Kind::kBytes || kind == Kind::kWouldBlock; }
};

/// Threads:  one.
/// Lifetime: owns its socket; unwatch fd() before it goes.
/// Cost:     one virtual call and one system call for each read or write, so make them large.
class Transport {
 public:
  virtual ~Transport() = default;
  virtual int fd() const = 0;
  virtual IoResult read(ByteSpan into) = 0;
  /// Takes bytes from the front of `pieces`, perhaps not all of them. What it took is its own: the
  /// caller may change or free those, and goes on after them. At most IOV_MAX pieces count.
  virtual IoResult write(std::span<const iovec> pieces) = 0;
  IoResult write(ByteView bytes) {
    const iovec piece{const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
    return write({&piece, 1});
  }
  /// Sends what the transport itself holds: rule 2 with nothing of the caller's.
  IoResult flush() { return write(std::span<const iovec>()); }
  /// Something waits for the socket to become writable.
  virtual bool wants_write() const = 0;
  /// Tells the peer that nothing more will come; what it still sends can be read.
  virtual void shutdown() = 0;
  /// Whose certificate the peer showed and we have verified, as "CN=alice,O=Storm"; empty for none.
  virtual std::string peer_name() const { return {}; }
  /// After kError: one sentence, with the next step where there is one.
  virtual const Error& error() const = 0;
};

/// TLS is made by TlsContext (tls.h).
std::unique_ptr<Transport> plain_transport(Fd socket);

// For threads that may block; `timeout` is for the whole call.

/// At least one byte; 0 when the peer has closed.
Result<std::size_t> read_some(Transport& transport, ByteSpan into, Nanos timeout);
Status write_all(Transport& transport, ByteView bytes, Nanos timeout);

}  // namespace ds
