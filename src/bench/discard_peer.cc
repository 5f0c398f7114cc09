#include "bench/discard_peer.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstring>
#include <vector>

#include "base/bytes.h"
#include "kafka/wire/codec.h"
#include "kafka/wire/messages/00_produce.h"
#include "kafka/wire/messages/02_list_offsets.h"
#include "kafka/wire/messages/03_metadata.h"
#include "kafka/wire/messages/18_api_versions.h"
#include "kafka/wire/messages/19_create_topics.h"
#include "kafka/wire/messages/22_init_producer_id.h"
#include "kafka/wire/record_batch.h"

namespace ds {
namespace {

using namespace kafka;

constexpr std::size_t kReadBytes = 1 << 20;

/// The versions offered: the least that every client family speaks. Fetch is never answered:
/// librdkafka wants to see it before it sends record batches of today's format.
constexpr struct {
  ApiKey key;
  int min, max;
} kOffered[] = {{ApiKey::kProduce, 3, 7},       {ApiKey::kFetch, 4, 10},
                {ApiKey::kListOffsets, 1, 4},   {ApiKey::kMetadata, 0, 7},
                {ApiKey::kApiVersions, 0, 2},   {ApiKey::kCreateTopics, 2, 4},
                {ApiKey::kInitProducerId, 0, 1}};

/// A socket read as a stream: take() looks at the next bytes, skip() throws them away.
class Input {
 public:
  explicit Input(int fd) : fd_(fd), buffer_(kReadBytes) {}

  /// The next n bytes (at most kReadBytes), or null at the end.
  const std::uint8_t* take(std::size_t n) {
    if (n > buffer_.size()) return nullptr;
    if (end_ - begin_ < n) {
      std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
      while (end_ < n)
        if (!read_more()) return nullptr;
    }
    begin_ += n;
    return buffer_.data() + begin_ - n;
  }
  bool skip(std::size_t n) {
    for (;;) {
      const std::size_t here = std::min(n, end_ - begin_);
      begin_ += here;
      n -= here;
      if (n == 0) return true;
      begin_ = end_ = 0;
      if (!read_more()) return false;
    }
  }
  template <typename T>
  bool read(T& value) {
    const std::uint8_t* at = take(sizeof(T));
    if (at != nullptr) value = load_be<T>(at);
    return at != nullptr;
  }
  bool read_text(std::string& text) {
    std::int16_t length = 0;
    if (!read(length)) return false;
    const std::uint8_t* at = take(static_cast<std::size_t>(std::max<std::int16_t>(length, 0)));
    if (at != nullptr) text.assign(reinterpret_cast<const char*>(at), std::max<int>(length, 0));
    return at != nullptr;
  }

 private:
  bool read_more() {
    const ssize_t n = ::recv(fd_, buffer_.data() + end_, buffer_.size() - end_, 0);
    if (n <= 0) return false;
    end_ += static_cast<std::size_t>(n);
    return true;
  }

  int fd_;
  ByteVec buffer_;
  std::size_t begin_ = 0, end_ = 0;
};

bool send_all(int fd, ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return true;
}

}  // namespace

/// One connection, from its first frame to its end.
class DiscardPeer::Visitor {
 public:
  Visitor(DiscardPeer& peer, int fd) : peer_(peer), fd_(fd), in_(fd) {}

  void run() {
    for (;;) {
      std::int32_t length = 0;
      std::int16_t key = 0, version = 0;
      std::int32_t correlation = 0;
      if (!in_.read(length) || !in_.read(key) || !in_.read(version) || !in_.read(correlation))
        return;
      if (static_cast<ApiKey>(key) == ApiKey::kProduce) {
        if (!produce(version, correlation)) return;
        continue;
      }
      if (length < 8 || static_cast<std::size_t>(length) > kReadBytes) return;
      // Give the header back to the decoder: it has already been read.
      ByteVec frame(static_cast<std::size_t>(length));
      store_be(frame.data(), key);
      store_be(frame.data() + 2, version);
      store_be(frame.data() + 4, correlation);
      const std::uint8_t* rest = in_.take(frame.size() - 8);
      if (rest == nullptr) return;
      std::memcpy(frame.data() + 8, rest, frame.size() - 8);
      if (!answer(frame)) return;
    }
  }

 private:
  /// Walks the request as it arrives: only the batches' headers are looked at.
  bool produce(int version, std::int32_t correlation) {
    std::string text;
    std::int16_t acks = 0;
    std::int32_t timeout = 0, topics = 0;
    ProduceResponse response;
    if (!in_.read_text(text) /* client id */ || !in_.read_text(text) /* transactional id */ ||
        !in_.read(acks) || !in_.read(timeout) || !in_.read(topics))
      return false;
    for (std::int32_t t = 0; t < topics; ++t) {
      auto& topic = response.responses.emplace_back();
      std::int32_t partitions = 0;
      if (!in_.read_text(topic.name) || !in_.read(partitions)) return false;
      for (std::int32_t p = 0; p < partitions; ++p) {
        auto& partition = topic.partition_responses.emplace_back();
        std::int32_t size = 0;
        if (!in_.read(partition.index) || !in_.read(size)) return false;
        // Claims are the producer's notes about its run, not part of it.
        const bool counts = !topic.name.starts_with("datastorm.");
        if (!discard(static_cast<std::size_t>(std::max(size, 0)), counts, partition.base_offset))
          return false;
      }
    }
    if (acks == 0) return true;
    out_.clear();
    append_response(response, version, correlation, out_);
    return send_all(fd_, out_);
  }

  bool discard(std::size_t size, bool counts, std::int64_t& base_offset) {
    base_offset = offset_;
    while (size > 0) {
      const std::uint8_t* bytes = size < kBatchHeaderBytes ? nullptr : in_.take(kBatchHeaderBytes);
      if (bytes == nullptr) return false;
      const auto batch = BatchHeader::read({bytes, kBatchHeaderBytes});
      if (!batch || batch->size() > size || !in_.skip(batch->size() - kBatchHeaderBytes))
        return false;
      size -= batch->size();
      offset_ += batch->record_count;
      if (!counts) continue;
      peer_.records_.fetch_add(static_cast<std::uint64_t>(batch->record_count),
                               std::memory_order_relaxed);
      peer_.bytes_.fetch_add(batch->size(), std::memory_order_relaxed);
      peer_.batches_.fetch_add(1, std::memory_order_relaxed);
    }
    return true;
  }

  template <typename Request, typename Answer>
  bool reply(const RequestHeader& header, ByteView body, Answer&& make) {
    const auto request = decode<Request>(body, header.api_version);
    if (!request) return false;
    const auto response = make(*request);
    out_.clear();
    append_response(response, header.api_version, header.correlation_id, out_);
    return send_all(fd_, out_);
  }

  bool answer(ByteView frame) {
    auto header = take_request_header(frame);
    if (!header) return false;
    switch (static_cast<ApiKey>(header->api_key)) {
      case ApiKey::kApiVersions: {
        ApiVersionsResponse response;
        for (const auto& offered : kOffered)
          response.api_keys.push_back({.api_key = static_cast<std::int16_t>(offered.key),
                                       .min_version = static_cast<std::int16_t>(offered.min),
                                       .max_version = static_cast<std::int16_t>(offered.max)});
        const bool known = header->api_version <= 2;
        if (!known) response.error_code = KafkaError::kUnsupportedVersion;
        out_.clear();
        append_response(response, known ? header->api_version : 0, header->correlation_id, out_);
        return send_all(fd_, out_);
      }
      case ApiKey::kMetadata:
        return reply<MetadataRequest>(
            *header, frame, [&](const MetadataRequest& request) { return metadata(request); });
      case ApiKey::kCreateTopics:
        return reply<CreateTopicsRequest>(*header, frame, [](const CreateTopicsRequest& request) {
          CreateTopicsResponse response;
          for (const auto& topic : request.topics) response.topics.push_back({.name = topic.name});
          return response;
        });
      case ApiKey::kInitProducerId:
        return reply<InitProducerIdRequest>(*header, frame, [](const InitProducerIdRequest&) {
          InitProducerIdResponse response;
          response.producer_id = 1;
          response.producer_epoch = 0;
          return response;
        });
      case ApiKey::kListOffsets:
        return reply<ListOffsetsRequest>(*header, frame, [&](const ListOffsetsRequest& request) {
          ListOffsetsResponse response;
          for (const auto& topic : request.topics) {
            auto& into = response.topics.emplace_back();
            into.name = topic.name;
            for (const auto& partition : topic.partitions) {
              auto& answer = into.partitions.emplace_back();
              answer.partition_index = partition.partition_index;
              // Which partition had what is not counted: together they end where they should.
              if (partition.partition_index == 0 && partition.timestamp == -1)
                answer.offset = static_cast<std::int64_t>(peer_.records());
            }
          }
          return response;
        });
      default:
        return false;
    }
  }

  MetadataResponse metadata(const MetadataRequest& request) {
    MetadataResponse response;
    response.cluster_id = "discard";
    response.controller_id = 1;
    response.brokers.push_back(
        {.node_id = 1, .host = peer_.address_.host, .port = peer_.address_.port, .rack = {}});
    if (!request.topics) return response;
    for (const auto& asked : *request.topics) {
      auto& topic = response.topics.emplace_back();
      topic.name = asked.name.value_or("");
      for (std::int32_t p = 0; p < peer_.partitions_; ++p) {
        auto& partition = topic.partitions.emplace_back();
        partition.partition_index = p;
        partition.leader_id = 1;
        partition.replica_nodes = {1};
        partition.isr_nodes = {1};
      }
    }
    return response;
  }

  DiscardPeer& peer_;
  int fd_;
  Input in_;
  ByteVec out_;
  std::int64_t offset_ = 0;
};

Result<std::unique_ptr<DiscardPeer>> DiscardPeer::start(std::int32_t partitions) {
  auto peer = std::unique_ptr<DiscardPeer>(new DiscardPeer(partitions));
  auto listener = listen_tcp({"127.0.0.1", 0});
  if (!listener) return std::move(listener).error();
  peer->listener_ = std::move(*listener);
  auto address = local_address(peer->listener_.get());
  if (!address) return std::move(address).error();
  peer->address_ = *address;
  peer->acceptor_ =
      std::jthread([&self = *peer](std::stop_token stop) { self.accept_until_stopped(stop); });
  return peer;
}

DiscardPeer::~DiscardPeer() {
  acceptor_.request_stop();
  acceptor_.join();
  for (auto& [fd, thread] : connections_) ::shutdown(fd.get(), SHUT_RDWR);
  connections_.clear();
}

void DiscardPeer::accept_until_stopped(std::stop_token stop) {
  while (!stop.stop_requested()) {
    pollfd ready{listener_.get(), POLLIN, 0};
    if (::poll(&ready, 1, 50) <= 0) continue;
    auto accepted = accept_connection(listener_.get());
    if (!accepted || !*accepted) continue;
    const int fd = accepted->get();
    ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) & ~O_NONBLOCK);
    set_buffer_sizes(fd, 4 << 20);
    connections_.emplace_back(std::move(*accepted), [this, fd] { Visitor(*this, fd).run(); });
  }
}

}  // namespace ds
