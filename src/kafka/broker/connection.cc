#include "kafka/broker/connection.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "kafka/broker/core.h"
#include "kafka/broker/lane_server.h"
#include "kafka/broker/routes.h"

namespace ds::kafka::broker {
namespace {

constexpr std::size_t kReadBytesATurn = 4u << 20;  // then the others have their turn
constexpr std::size_t kPiecesMax = 64;             // of one write
constexpr std::size_t kOfferedMax = 2u << 20;      // bytes of one write
constexpr std::size_t kWorthAWrite = 64u << 10;
constexpr Nanos kLinger = 200 * kMillisecond;
constexpr std::size_t kHeaderFront = 8;  // length, API, version: enough to judge a frame

}  // namespace

Connection::Connection(LaneServer& server, std::uint64_t id, std::unique_ptr<Transport> transport,
                       const Door& door, std::string peer, Address local)
    : server_(server),
      id_(id),
      transport_(std::move(transport)),
      peer_(std::move(peer)),
      local_(std::move(local)),
      session_{door},
      active_at_(server.core().clock.now()) {
  server_.poller().watch(transport_->fd(), watched_ = EPOLLIN, *this);
}

Connection::~Connection() {
  end_hold();
  server_.poller().unwatch(transport_->fd(), *this);
  server_.pool().give_back(std::move(in_));
}

void Connection::on_ready(std::uint32_t events) {
  if (!refused_.empty()) return;
  if (turn(events) && refused_.empty()) return watch_what_matters();
  if (refused_.empty()) refused_ = "closed";
  server_.poller().unwatch(transport_->fd(), *this);
  if (!session_.door.tls || requests() > 0) return server_.drop(id_);
  // Closing on what the client has sent meanwhile would take back the alert that tells it why.
  transport_->shutdown();
  server_.later(id_, kLinger, [](Connection& self) {
    std::uint8_t unread[4096];
    for (int i = 0; i < 64 && recv(self.transport_->fd(), unread, sizeof unread, 0) > 0;) ++i;
    self.server_.drop(self.id_);
  });
}

/// Reads, handles and sends what it can; false when the connection is over.
bool Connection::turn(std::uint32_t events) {
  if (events & (EPOLLHUP | EPOLLERR)) return false;
  if (((events & EPOLLIN) || more_to_read_) && !read()) return false;
  while (true) {
    if (!write()) return false;
    // Sending may have made room for answers to frames that had to wait.
    const std::uint64_t handled = requests();
    if (in_ && !take_frames()) return false;
    if (in_ && in_have_ == 0) server_.pool().give_back(std::exchange(in_, {}));
    if (requests() == handled) break;
  }
  // epoll knows nothing of what TLS has taken from the socket already.
  if (more_to_read_ && may_handle()) server_.go_on_soon(id_);
  return !(closing_ && all_sent());
}

std::optional<Nanos> Connection::idle_since() const {
  return answers_.empty() && all_sent() && !held_ ? std::optional(active_at_) : std::nullopt;
}

void Connection::refuse(std::string why) {
  if (!refused_.empty()) return;
  refused_ = std::move(why);
  server_.core().log_refusal(peer_, refused_);
}

bool Connection::read() {
  more_to_read_ = true;
  for (std::size_t got = 0; got < kReadBytesATurn && may_handle();) {
    if (!in_) in_ = server_.pool().take(BufferPool::kSmallest, BufferPool::kSmallest);
    // Who was held has a frame waiting, and what was sent behind it may have filled the buffer.
    if (in_have_ == in_.capacity) {
      if (!take_frames()) return false;
      continue;
    }
    const IoResult result = transport_->read(in_.span().subspan(in_have_));
    if (result.kind == IoResult::Kind::kWouldBlock) {
      more_to_read_ = false;
      break;
    }
    if (result.kind == IoResult::Kind::kError && session_.door.tls && requests() == 0)
      return refuse(transport_->error().message), false;
    if (!result.ok()) return false;
    active_at_ = server_.core().clock.now();
    got += result.bytes;
    in_have_ += result.bytes;
    if (!take_frames()) return false;
  }
  return true;
}

/// Handles the whole frames that are in the buffer and makes room for the rest of the last one.
bool Connection::take_frames() {
  if (held_) return true;
  std::size_t frame = 0;
  while (may_handle()) {
    const ByteView rest = in_.span().subspan(in_from_, in_have_ - in_from_);
    const auto size = frame_size(rest, server_.core().settings.frame_bytes_max);
    if (!size) return refuse(size.error().message), false;
    frame = *size ? **size : 0;
    if (rest.size() >= kHeaderFront && frame > 0)
      if (const auto why = routes_refuse(rest.subspan(4), frame, session_.is_in()))
        return refuse(*why), false;
    if (frame == 0 || rest.size() < frame) break;
    const std::uint64_t request = requests();
    answers_.emplace_back();
    handling_ = true;
    handle_frame(server_, *this, in_.span().subspan(in_from_ + 4, frame - 4), request);
    handling_ = false;
    if (held_) {
      answers_.pop_back();
      return true;
    }
    end_hold();
    ++server_.core().counters.requests;
    in_from_ += frame;
    frame = 0;
    if (!refused_.empty()) return false;
    queue_ready_answers();
  }
  return make_room(frame);
}

/// Moves what is left to the front of a buffer that will hold a frame of `frame` bytes. It grows as
/// the frame comes in, so that a length alone takes no memory.
bool Connection::make_room(std::size_t frame) {
  const std::size_t rest = in_have_ - in_from_;
  const std::size_t wanted = std::max(frame, rest + kHeaderFront);
  if (wanted > in_.capacity && in_have_ == in_.capacity) {
    Buffer larger = server_.pool().take(std::min(wanted, 2 * in_.capacity), wanted);
    std::memcpy(larger.bytes.get(), in_.bytes.get() + in_from_, rest);
    server_.pool().give_back(std::exchange(in_, std::move(larger)));
  } else if (in_from_ + wanted > in_.capacity || rest == 0) {
    std::memmove(in_.bytes.get(), in_.bytes.get() + in_from_, rest);
  } else {
    return true;
  }
  in_from_ = 0;
  in_have_ = rest;
  return true;
}

bool Connection::hold(Nanos longest) {
  Core& core = server_.core();
  const Nanos now = core.clock.now();
  if (!held_since_) {
    held_since_ = now;
    held_until_ = longest > std::numeric_limits<Nanos>::max() - now ? longest : now + longest;
    ++core.pressure.producers_held;
  }
  if (now >= held_until_) return false;
  held_ = true;
  server_.retry_later(id_);
  return true;
}

void Connection::retry_held() {
  const Core& core = server_.core();
  if (!held_) return;
  if (!core.pressure.has_room() && core.clock.now() < held_until_) return server_.retry_later(id_);
  held_ = false;
  on_ready(0);
}

void Connection::end_hold() {
  if (!held_since_) return;
  Core& core = server_.core();
  --core.pressure.producers_held;
  core.pressure.held_ns += static_cast<std::uint64_t>(core.clock.now() - *held_since_);
  held_since_.reset();
}

void Connection::answer(std::uint64_t request, std::optional<Outgoing> outgoing) {
  check(request >= first_answer_ && request - first_answer_ < answers_.size(),
        "an answer to a request that has one");
  answers_[request - first_answer_] = {true, std::move(outgoing)};
  if (handling_ || !refused_.empty()) return;
  queue_ready_answers();
  on_ready(0);
}

void Connection::queue_ready_answers() {
  while (!answers_.empty() && answers_.front().ready) {
    if (auto outgoing = std::move(answers_.front().outgoing)) {
      std::size_t at = 0;
      for (auto& [cut_at, slice] : outgoing->cuts) {
        unsent_ += cut_at - at;
        if (cut_at > at)
          out_.push_back({ByteVec(outgoing->head.begin() + static_cast<std::ptrdiff_t>(at),
                                  outgoing->head.begin() + static_cast<std::ptrdiff_t>(cut_at)),
                          0,
                          {}});
        server_.core().counters.bytes_out += slice.size;
        out_.push_back({{}, 0, std::move(slice)});
        at = cut_at;
      }
      if (at > 0)
        outgoing->head.erase(outgoing->head.begin(),
                             outgoing->head.begin() + static_cast<std::ptrdiff_t>(at));
      unsent_ += outgoing->head.size();
      if (!outgoing->head.empty()) out_.push_back({std::move(outgoing->head), 0, {}});
    }
    answers_.pop_front();
    ++first_answer_;
  }
}

/// Fills `into` from the front of the queue: many small answers make one write.
Result<std::size_t> Connection::fill(ByteSpan into) {
  std::size_t filled = 0;
  while (!out_.empty() && filled < into.size()) {
    Piece& piece = out_.front();
    const std::size_t size = std::min(piece.left(), into.size() - filled);
    if (piece.slice.segment) {
      const auto got = piece.slice.segment->file().read_at(into.subspan(filled, size),
                                                           piece.slice.position + piece.at);
      if (!got) return got.error();
      if (*got < size)
        return Error{ErrorCode::kStorage,
                     piece.slice.segment->file().path() + " is shorter than it was"};
    } else {
      std::memcpy(into.data() + filled, piece.bytes.data() + piece.at, size);
      unsent_ -= size;
    }
    filled += size;
    piece.at += size;
    if (piece.left() == 0) out_.pop_front();
  }
  return filled;
}

/// Offers what lies in memory at the front of the queue, where it lies. Nothing is offered when a
/// slice of a file comes within few bytes: one write shall take both.
std::size_t Connection::offer(std::vector<iovec>& pieces) {
  std::size_t offered = 0;
  pieces.clear();
  for (const Piece& piece : out_) {
    for (std::size_t at = piece.at, left = piece.left(); left > 0;) {
      const ByteView bytes = piece.slice.segment
                                 ? piece.slice.segment->file().view(piece.slice.position + at, left)
                                 : ByteView(piece.bytes).subspan(at);
      if (bytes.empty()) return offered < kWorthAWrite ? 0 : offered;
      pieces.push_back({const_cast<std::uint8_t*>(bytes.data()), bytes.size()});
      offered += bytes.size();
      at += bytes.size();
      left -= bytes.size();
      if (pieces.size() == kPiecesMax || offered >= kOfferedMax) return offered;
    }
  }
  return offered;
}

/// The first `size` bytes of the queue are the socket's now.
void Connection::forget(std::size_t size) {
  while (size > 0) {
    Piece& piece = out_.front();
    const std::size_t taken = std::min(size, piece.left());
    if (!piece.slice.segment) unsent_ -= taken;
    piece.at += taken;
    size -= taken;
    if (piece.left() == 0) out_.pop_front();
  }
}

/// Sends what the socket takes; false when the connection is over.
bool Connection::write() {
  while (true) {
    ByteView bytes(stuck_);
    bytes = bytes.subspan(stuck_at_);
    const bool fresh = bytes.empty();
    if (fresh) {
      stuck_ = {};
      stuck_at_ = 0;
      std::vector<iovec>& pieces = server_.pieces();
      if (const std::size_t offered = offer(pieces); offered > 0) {
        const IoResult result = transport_->write(pieces);
        if (!result.ok()) return false;
        const std::size_t taken = result.kind == IoResult::Kind::kBytes ? result.bytes : 0;
        forget(taken);
        if (taken > 0) active_at_ = server_.core().clock.now();
        if (taken < offered) return true;
        continue;
      }
      const auto filled = fill(server_.send_buffer());
      if (!filled) {  // half an answer cannot be taken back
        refuse(filled.error().message);
        return false;
      }
      bytes = server_.send_buffer().first(*filled);
      // TLS may have bytes of its own to send, of which only write() knows.
      if (bytes.empty() && !transport_->wants_write()) return true;
    }
    const IoResult result = transport_->write(bytes);
    if (!result.ok()) return false;
    if (result.kind == IoResult::Kind::kBytes) active_at_ = server_.core().clock.now();
    const std::size_t taken = result.kind == IoResult::Kind::kBytes ? result.bytes : 0;
    if (fresh && taken < bytes.size()) {
      const ByteView rest = bytes.subspan(taken);
      stuck_.assign(rest.begin(), rest.end());
    } else if (!fresh) {
      stuck_at_ += taken;
    }
    if (taken < bytes.size() || bytes.empty()) return true;
  }
}

void Connection::watch_what_matters() {
  const bool has_more = !out_.empty() || stuck_at_ < stuck_.size() || transport_->wants_write();
  const std::uint32_t wanted =
      (may_handle() ? std::uint32_t{EPOLLIN} : 0u) | (has_more ? std::uint32_t{EPOLLOUT} : 0u);
  if (wanted == watched_) return;
  server_.poller().change(transport_->fd(), watched_ = wanted, *this);
}

}  // namespace ds::kafka::broker
