#include "bench/resend_probe.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <map>

#include "kafka/client/cluster.h"
#include "kafka/wire/codec.h"
#include "kafka/wire/error_codes.h"
#include "kafka/wire/messages/00_produce.h"

namespace ds {
namespace {

using namespace kafka;

constexpr int kVersion = 7;
constexpr int kBufferBytes = 4 << 20;  // as the direct engine's
constexpr Nanos kPatience = 10 * kSecond;

/// One connection and the partitions that it feeds, in turn.
class Line {
 public:
  Line(Fd fd, std::vector<Gathered> requests, int in_flight_max)
      : fd_(std::move(fd)), requests_(std::move(requests)), in_flight_max_(in_flight_max) {}

  pollfd wish(bool more) const {
    const bool send = !rest_.empty() || (more && in_flight_ < in_flight_max_);
    return {
        .fd = fd_.get(), .events = static_cast<short>(POLLIN | (send ? POLLOUT : 0)), .revents = 0};
  }
  bool idle() const { return in_flight_ == 0; }

  Status send_some(bool more) {
    if (rest_.empty()) {
      if (!more || in_flight_ == in_flight_max_) return Done{};
      requests_[next_].for_each_piece([&](ByteView piece) {
        rest_.push_back({const_cast<std::uint8_t*>(piece.data()), piece.size()});
      });
      next_ = (next_ + 1) % requests_.size();
      ++in_flight_;
    }
    msghdr message{};
    message.msg_iov = rest_.data();
    message.msg_iovlen = rest_.size();
    const ssize_t sent = ::sendmsg(fd_.get(), &message, MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN ? Status{Done{}} : lost();
    forget(static_cast<std::size_t>(sent));
    return Done{};
  }

  /// Adds the batches that were acknowledged.
  Status receive_some(std::uint64_t& acknowledged) {
    std::uint8_t bytes[4096];
    const ssize_t got = ::recv(fd_.get(), bytes, sizeof bytes, 0);
    if (got < 0 && errno == EAGAIN) return Done{};
    if (got <= 0) return lost();
    inbox_.insert(inbox_.end(), bytes, bytes + got);
    for (;;) {
      const auto size = frame_size(inbox_);
      if (!size) return size.error();
      if (!*size || **size > inbox_.size()) return Done{};
      if (Status taken = take(ByteView(inbox_).subspan(4, **size - 4)); !taken) return taken;
      ++acknowledged;
      inbox_.erase(inbox_.begin(), inbox_.begin() + static_cast<std::ptrdiff_t>(**size));
    }
  }

 private:
  Status take(ByteView frame) {
    if (auto header = take_response_header(frame, ProduceRequest::api, kVersion); !header)
      return header.error();
    const auto response = decode<ProduceResponse>(frame, kVersion);
    if (!response) return response.error();
    for (const auto& topic : response->responses)
      for (const auto& partition : topic.partition_responses)
        if (partition.error_code != KafkaError::kNone)
          return Error{.message =
                           fmt::format("partition {} refused a batch with Kafka's error {}",
                                       partition.index, static_cast<int>(partition.error_code))};
    --in_flight_;
    return Done{};
  }
  void forget(std::size_t sent) {
    while (sent > 0) {
      iovec& front = rest_.front();
      const std::size_t here = std::min(sent, front.iov_len);
      front = {static_cast<std::uint8_t*>(front.iov_base) + here, front.iov_len - here};
      sent -= here;
      if (front.iov_len == 0) rest_.erase(rest_.begin());
    }
  }
  static Error lost() {
    return {
        .message = fmt::format("the broker closed the probe's connection: {}", ::strerror(errno)),
        .system = errno};
  }

  Fd fd_;
  std::vector<Gathered> requests_;  // one for each partition
  int in_flight_max_;
  int in_flight_ = 0;
  std::size_t next_ = 0;
  std::vector<iovec> rest_;  // of the request being sent
  ByteVec inbox_;
};

Gathered produce_request(const ResendSettings& settings, std::int32_t partition, ByteView batch) {
  ProduceRequest request;
  request.acks = settings.acks;
  request.timeout_ms = static_cast<std::int32_t>(kPatience / kMillisecond);
  request.topic_data = {
      {.name = settings.topic,
       .partition_data = {{.index = partition, .records = Records{.bytes = batch}}}}};
  Gathered gathered;
  gather_request(request, kVersion, 1, "resend-probe", gathered);
  return gathered;
}

/// Connects to every leader; the partitions of a broker are dealt round its connections.
Result<std::vector<Line>> connect(const ResendSettings& settings, ByteView batch,
                                  const Clock& clock, Log& log) {
  Poller poller;
  ClientSettings client;
  client.brokers = settings.brokers;
  Cluster cluster(client, poller, clock, log);
  const Nanos deadline = clock.now() + kPatience;
  if (Status there = cluster.connect(deadline); !there) return there.error();
  if (Status asked = cluster.refresh_now({settings.topic}, deadline); !asked) return asked.error();
  const ClusterMap::Topic* topic = cluster.map().usable(settings.topic);
  if (topic == nullptr || !topic->all_have_leaders())
    return Error{.message =
                     fmt::format("topic {} has partitions without a leader", settings.topic)};

  std::map<std::int32_t, std::vector<std::int32_t>> led;  // by broker
  for (std::size_t p = 0; p < topic->partitions.size(); ++p)
    led[topic->partitions[p].leader].push_back(static_cast<std::int32_t>(p));
  std::vector<Line> lines;
  for (const auto& [broker, partitions] : led) {
    const auto count = std::min(static_cast<std::size_t>(settings.connections), partitions.size());
    for (std::size_t i = 0; i < count; ++i) {
      auto fd = connect_tcp(cluster.map().brokers.at(broker), kPatience);
      if (!fd) return std::move(fd).error();
      set_buffer_sizes(fd->get(), kBufferBytes);
      std::vector<Gathered> requests;
      for (std::size_t p = i; p < partitions.size(); p += count)
        requests.push_back(produce_request(settings, partitions[p], batch));
      lines.emplace_back(std::move(*fd), std::move(requests), settings.in_flight);
    }
  }
  return lines;
}

}  // namespace

Result<Resent> resend(const ResendSettings& settings, ByteView batch, const Clock& clock,
                      Log& log) {
  auto lines = connect(settings, batch, clock, log);
  if (!lines) return std::move(lines).error();
  Resent resent;
  const Nanos begun = clock.now(), end = begun + settings.duration;
  Nanos now = begun;
  std::vector<pollfd> wishes(lines->size());
  for (bool more = true; more || !std::ranges::all_of(*lines, &Line::idle);
       more = (now = clock.now()) < end) {
    if (now > end + kPatience)
      return Error{.code = ErrorCode::kTimeout,
                   .message = "the broker stopped answering the probe"};
    for (std::size_t i = 0; i < lines->size(); ++i) wishes[i] = (*lines)[i].wish(more);
    ::poll(wishes.data(), wishes.size(), 100);
    for (std::size_t i = 0; i < lines->size(); ++i) {
      if ((wishes[i].revents & POLLOUT) != 0)
        if (Status sent = (*lines)[i].send_some(more); !sent) return sent.error();
      if ((wishes[i].revents & ~POLLOUT) != 0)
        if (Status got = (*lines)[i].receive_some(resent.batches); !got) return got.error();
    }
  }
  resent.seconds = static_cast<double>(clock.now() - begun) / 1e9;
  return resent;
}

}  // namespace ds
