// For tests: a small cluster on loopback that does as a script says, and keeps what it was sent.
//
//   ScriptedCluster cluster({.nodes = 2, .partitions = 4});
//   cluster.on_produce = [&](int n) { return n == 3 ? Fault::kCutAfter : Fault::kNone; };
//   … cluster.log(0) … // the values in partition 0, in order
#pragma once

#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "kafka/wire/codec.h"
#include "kafka/wire/messages/00_produce.h"
#include "kafka/wire/messages/01_fetch.h"
#include "kafka/wire/messages/02_list_offsets.h"
#include "kafka/wire/messages/03_metadata.h"
#include "kafka/wire/messages/08_offset_commit.h"
#include "kafka/wire/messages/10_find_coordinator.h"
#include "kafka/wire/messages/17_sasl_handshake.h"
#include "kafka/wire/messages/18_api_versions.h"
#include "kafka/wire/messages/22_init_producer_id.h"
#include "kafka/wire/messages/36_sasl_authenticate.h"
#include "kafka/wire/record_batch.h"
#include "net/socket.h"

namespace ds::kafka {

/// What happens to a request instead of the ordinary.
enum class Fault {
  kNone,
  kNotLeader,     // error 6, nothing stored
  kTimedOut,      // error 7, stored
  kKnown,         // error 46, stored
  kForgotten,     // error 59: the producer is unknown; nothing stored
  kTooLarge,      // error 10, nothing stored, never will be
  kCutBefore,     // the connection is cut, nothing stored
  kCutAfter,      // stored, and the connection is cut before the answer
  kHang,          // nothing stored, no answer on this connection ever again
  kRubbish,       // bytes that are no Kafka
  kWrongAnswer,   // an answer to another question
  kMoveLeader,    // error 6, and the next node leads from now on
  kOutOfRange,    // error 1, of a fetch
  kForgetLeader,  // error 6, and for three metadata answers nobody leads
};

/// Threads: one for each connection; the maps and logs are locked.
class ScriptedCluster {
 public:
  struct Settings {
    int nodes = 1;
    int partitions = 1;
    std::string topic = "t";
    int produce_min = 3;  // versions it says it speaks
    int produce_max = 9;
    bool topic_exists = true;
    std::string sasl_error = "";  // what every login is answered with
    std::size_t fetch_bytes = 1 << 20;
  };

  explicit ScriptedCluster(Settings settings)
      : settings_(std::move(settings)),
        logs_(static_cast<std::size_t>(settings_.partitions)),
        starts_(static_cast<std::size_t>(settings_.partitions)),
        leaders_(static_cast<std::size_t>(settings_.partitions)) {
    for (std::size_t p = 0; p < leaders_.size(); ++p)
      leaders_[p] = static_cast<int>(p) % settings_.nodes;
    for (int node = 0; node < settings_.nodes; ++node) {
      Fd listener = listen_tcp({"127.0.0.1", 0}).value();
      addresses_.push_back(local_address(listener.get()).value());
      listeners_.emplace_back(std::move(listener));
    }
    for (int node = 0; node < settings_.nodes; ++node)
      acceptors_.emplace_back([this, node](std::stop_token stop) { accept(stop, node); });
  }
  ~ScriptedCluster() {
    for (auto& acceptor : acceptors_) acceptor.request_stop();
    acceptors_.clear();
    visitors_.clear();  // asks each to stop, then joins
  }

  /// Called for every produced batch and every fetch, with its number from 0; any thread.
  std::function<Fault(int)> on_produce = [](int) { return Fault::kNone; };
  std::function<Fault(int)> on_fetch = [](int) { return Fault::kNone; };

  /// What a commit is answered with.
  std::function<KafkaError(const OffsetCommitRequest&)> on_commit = [](const auto&) {
    return KafkaError::kNone;
  };

  const Address& address(int node = 0) const { return addresses_[static_cast<std::size_t>(node)]; }
  void create_topic() {
    const std::lock_guard lock(mutex_);
    settings_.topic_exists = true;
  }
  /// Retention: offsets below `start` are gone.
  void set_start(int partition, std::int64_t start) {
    const std::lock_guard lock(mutex_);
    starts_[static_cast<std::size_t>(partition)] = start;
  }
  /// Puts `count` records, one a batch, into each of the first `partitions` partitions.
  void fill(int partitions, int count) {
    const std::lock_guard lock(mutex_);
    for (std::size_t p = 0; p < static_cast<std::size_t>(partitions); ++p) {
      for (int i = 0; i < count; ++i) {
        const std::string value = fmt::format("{}/{}", p, i);
        RecordBatchBuilder builder({});
        builder.add({.timestamp = 1, .value = as_bytes(value)});
        ProduceResponse::Partition unused;
        append(leaders_[p], p, builder.build().value(), unused);
      }
    }
  }
  std::vector<std::string> log(int partition) {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> values;
    ByteVec scratch;
    for (const ByteVec& bytes : logs_[static_cast<std::size_t>(partition)]) {
      RecordReader records({BatchHeader::read(bytes).value(), bytes}, scratch);
      while (const auto record = records.next()) values.emplace_back(as_text(*record->value));
    }
    return values;
  }
  int produced() const { return produced_; }
  int faults() const { return faults_; }
  int commits() const { return commits_; }
  int metadata_asked() const { return metadata_asked_; }

 private:
  struct SequenceState {
    std::int32_t next = 0;
    std::map<std::int32_t, std::int64_t> recent;  // base sequence to offset
  };
  enum class Next { kGoOn, kCut, kMute };

  void accept(std::stop_token stop, int node) {
    while (!stop.stop_requested()) {
      pollfd waiting{listeners_[static_cast<std::size_t>(node)].get(), POLLIN, 0};
      if (::poll(&waiting, 1, 5) <= 0) continue;
      auto socket = accept_connection(waiting.fd);
      if (!socket || !*socket) continue;
      visitors_lock_.lock();
      visitors_.emplace_back([this, node, fd = std::move(*socket)](std::stop_token end) mutable {
        serve(end, node, std::move(fd));
      });
      visitors_lock_.unlock();
    }
  }

  bool receive(std::stop_token& stop, int fd, std::uint8_t* to, std::size_t size) {
    while (size > 0 && !stop.stop_requested()) {
      pollfd waiting{fd, POLLIN, 0};
      if (::poll(&waiting, 1, 5) <= 0) continue;
      const ssize_t got = ::recv(fd, to, size, 0);
      if (got == 0 || (got < 0 && errno != EAGAIN)) return false;
      if (got > 0) to += got, size -= static_cast<std::size_t>(got);
    }
    return size == 0;
  }
  void send_all(std::stop_token& stop, int fd, ByteView bytes) {
    while (!bytes.empty() && !stop.stop_requested()) {
      pollfd waiting{fd, POLLOUT, 0};
      if (::poll(&waiting, 1, 5) <= 0) continue;
      const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno != EAGAIN) return;
      if (sent > 0) bytes = bytes.subspan(static_cast<std::size_t>(sent));
    }
  }

  void serve(std::stop_token stop, int node, Fd socket) {
    bool mute = false;
    while (!stop.stop_requested()) {
      std::uint8_t length[4];
      if (!receive(stop, socket.get(), length, 4)) return;
      ByteVec frame(load_be<std::uint32_t>(length));
      if (!receive(stop, socket.get(), frame.data(), frame.size())) return;
      if (mute) continue;
      ByteView body = frame;
      const RequestHeader header = take_request_header(body).value();
      ByteVec out;
      const Next next = answer(node, header, body, out);
      if (next == Next::kCut) return;
      if (next == Next::kMute) mute = true;
      send_all(stop, socket.get(), out);
    }
  }

  template <typename M>
  void reply(const M& message, const RequestHeader& header, ByteVec& out) {
    append_response(message, header.api_version, header.correlation_id, out);
  }

  Next answer(int node, const RequestHeader& header, ByteView body, ByteVec& out) {
    const std::lock_guard lock(mutex_);
    switch (static_cast<ApiKey>(header.api_key)) {
      case ApiKey::kApiVersions:
        reply(versions(), header, out);
        return Next::kGoOn;
      case ApiKey::kMetadata:
        reply(metadata(), header, out);
        return Next::kGoOn;
      case ApiKey::kProduce:
        return produce(node, header, body, out);
      case ApiKey::kFetch:
        return fetch(node, header, body, out);
      case ApiKey::kListOffsets:
        reply(list_offsets(header, body), header, out);
        return Next::kGoOn;
      case ApiKey::kInitProducerId:
        reply(InitProducerIdResponse{.producer_id = next_producer_++, .producer_epoch = 0}, header,
              out);
        return Next::kGoOn;
      case ApiKey::kFindCoordinator:
        reply(
            FindCoordinatorResponse{
                .node_id = 0, .host = addresses_[0].host, .port = addresses_[0].port},
            header, out);
        return Next::kGoOn;
      case ApiKey::kOffsetCommit:
        reply(commit(header, body), header, out);
        return Next::kGoOn;
      case ApiKey::kSaslHandshake:
        reply(SaslHandshakeResponse{.mechanisms = {"PLAIN"}}, header, out);
        return Next::kGoOn;
      case ApiKey::kSaslAuthenticate:
        if (settings_.sasl_error.empty()) {
          reply(SaslAuthenticateResponse{}, header, out);
        } else {
          reply(SaslAuthenticateResponse{.error_code = KafkaError::kSaslAuthenticationFailed,
                                         .error_message = settings_.sasl_error},
                header, out);
        }
        return Next::kGoOn;
      default:
        return Next::kCut;
    }
  }

  ApiVersionsResponse versions() const {
    ApiVersionsResponse answer;
    for (const Api& api : kApis) {
      auto range = api.versions;
      if (api.key == ApiKey::kProduce) range = {settings_.produce_min, settings_.produce_max};
      answer.api_keys.push_back({static_cast<std::int16_t>(api.key),
                                 static_cast<std::int16_t>(range.min),
                                 static_cast<std::int16_t>(range.max)});
    }
    return answer;
  }

  MetadataResponse metadata() {
    ++metadata_asked_;
    MetadataResponse answer;
    answer.cluster_id = "scripted";
    answer.controller_id = 0;
    for (std::size_t node = 0; node < addresses_.size(); ++node)
      answer.brokers.push_back({static_cast<std::int32_t>(node), addresses_[node].host,
                                addresses_[node].port, std::nullopt});
    auto& topic = answer.topics.emplace_back();
    topic.name = settings_.topic;
    if (!settings_.topic_exists) {
      topic.error_code = KafkaError::kUnknownTopicOrPartition;
      return answer;
    }
    const bool leaderless = leaderless_answers_ > 0 && leaderless_answers_-- > 0;
    for (std::size_t p = 0; p < leaders_.size(); ++p) {
      auto& partition = topic.partitions.emplace_back();
      partition.partition_index = static_cast<std::int32_t>(p);
      partition.leader_id = leaderless ? -1 : leaders_[p];
    }
    return answer;
  }

  Next produce(int node, const RequestHeader& header, ByteView body, ByteVec& out) {
    const auto request = decode<ProduceRequest>(body, header.api_version).value();
    ProduceResponse response;
    const auto& asked = request.topic_data.at(0).partition_data.at(0);
    const auto p = static_cast<std::size_t>(asked.index);
    auto& topic = response.responses.emplace_back();
    topic.name = settings_.topic;
    auto& result = topic.partition_responses.emplace_back();
    result.index = asked.index;
    const Fault fault = on_produce(produced_++);
    if (fault != Fault::kNone) ++faults_;
    switch (fault) {
      case Fault::kCutBefore:
        return Next::kCut;
      case Fault::kHang:
        return Next::kMute;
      case Fault::kCutAfter:
        append(node, p, asked.records->bytes, result);
        return Next::kCut;
      case Fault::kKnown:
        append(node, p, asked.records->bytes, result);
        result.error_code = KafkaError::kDuplicateSequenceNumber;
        break;
      case Fault::kForgotten:
        result.error_code = KafkaError::kUnknownProducerId;
        break;
      case Fault::kTooLarge:
        result.error_code = KafkaError::kMessageTooLarge;
        break;
      case Fault::kNotLeader:
        result.error_code = KafkaError::kNotLeaderOrFollower;
        break;
      case Fault::kForgetLeader:
        leaderless_answers_ = 3;
        result.error_code = KafkaError::kNotLeaderOrFollower;
        break;
      case Fault::kMoveLeader:
        leaders_[p] = (leaders_[p] + 1) % settings_.nodes;
        result.error_code = KafkaError::kNotLeaderOrFollower;
        break;
      case Fault::kTimedOut:
        append(node, p, asked.records->bytes, result);
        result.error_code = KafkaError::kRequestTimedOut;
        break;
      case Fault::kRubbish:
        out = from_hex("48 54 54 50 2f 31 2e 31 20 34 30 30");
        return Next::kGoOn;
      case Fault::kWrongAnswer: {
        RequestHeader other = header;
        other.correlation_id += 1000;
        reply(response, other, out);
        return Next::kGoOn;
      }
      default:
        append(node, p, asked.records->bytes, result);
        break;
    }
    if (request.acks != 0) {
      reply(response, header, out);
    } else if (result.error_code != KafkaError::kNone) {
      return Next::kCut;  // as Kafka does: the only way to say no
    }
    return Next::kGoOn;
  }

  void append(int node, std::size_t p, ByteView bytes, ProduceResponse::Partition& result) {
    if (leaders_[p] != node) {
      result.error_code = KafkaError::kNotLeaderOrFollower;
      return;
    }
    const auto header = BatchHeader::read(bytes);
    if (!header || !header->verify(bytes)) {
      result.error_code = KafkaError::kCorruptMessage;
      return;
    }
    if (header->producer_id >= 0) {
      SequenceState& state = sequences_[{header->producer_id, p}];
      if (const auto before = state.recent.find(header->base_sequence);
          before != state.recent.end()) {
        result.base_offset = before->second;
        return;
      }
      if (header->base_sequence != state.next) {
        result.error_code = KafkaError::kOutOfOrderSequenceNumber;
        return;
      }
      state.next += header->record_count;
      state.recent[header->base_sequence] = end_of(p);
      if (state.recent.size() > 5) state.recent.erase(state.recent.begin());
    }
    result.base_offset = end_of(p);
    ByteVec stored(bytes.begin(), bytes.end());
    assign_base_offset(stored, result.base_offset, 0);
    logs_[p].push_back(std::move(stored));
  }

  std::int64_t end_of(std::size_t p) const {
    return logs_[p].empty() ? 0 : BatchHeader::read(logs_[p].back()).value().next_offset();
  }

  ListOffsetsResponse list_offsets(const RequestHeader& header, ByteView body) {
    const auto request = decode<ListOffsetsRequest>(body, header.api_version).value();
    ListOffsetsResponse response;
    auto& topic = response.topics.emplace_back();
    topic.name = settings_.topic;
    for (const auto& asked : request.topics.at(0).partitions) {
      const auto p = static_cast<std::size_t>(asked.partition_index);
      auto& result = topic.partitions.emplace_back();
      result.partition_index = asked.partition_index;
      result.offset = asked.timestamp == ListOffsetsRequest::kEarliest ? starts_[p] : end_of(p);
    }
    return response;
  }

  OffsetCommitResponse commit(const RequestHeader& header, ByteView body) {
    const auto request = decode<OffsetCommitRequest>(body, header.api_version).value();
    OffsetCommitResponse response;
    const KafkaError error = on_commit(request);
    for (const auto& asked : request.topics) {
      auto& topic = response.topics.emplace_back();
      topic.name = asked.name;
      for (const auto& each : asked.partitions)
        topic.partitions.push_back({.partition_index = each.partition_index, .error_code = error});
    }
    ++commits_;
    return response;
  }

  Next fetch(int node, const RequestHeader& header, ByteView body, ByteVec& out) {
    const auto request = decode<FetchRequest>(body, header.api_version).value();
    const Fault fault = on_fetch(fetched_++);
    if (fault != Fault::kNone) ++faults_;
    if (fault == Fault::kCutBefore) return Next::kCut;
    if (fault == Fault::kHang) return Next::kMute;
    FetchResponse response;
    auto& topic = response.responses.emplace_back();
    topic.topic = settings_.topic;
    std::list<ByteVec> kept;
    std::size_t room = settings_.fetch_bytes;
    for (const auto& asked : request.topics.at(0).partitions) {
      const auto p = static_cast<std::size_t>(asked.partition);
      auto& result = topic.partitions.emplace_back();
      result.partition_index = asked.partition;
      if (fault == Fault::kMoveLeader) leaders_[p] = (leaders_[p] + 1) % settings_.nodes;
      if (fault == Fault::kNotLeader || leaders_[p] != node) {
        result.error_code = KafkaError::kNotLeaderOrFollower;
        continue;
      }
      if (fault == Fault::kOutOfRange || asked.fetch_offset < starts_[p] ||
          asked.fetch_offset > end_of(p)) {
        result.error_code = KafkaError::kOffsetOutOfRange;
        continue;
      }
      result.high_watermark = end_of(p);
      ByteVec& bytes = kept.emplace_back();
      for (const ByteVec& batch : logs_[p]) {
        if (BatchHeader::read(batch).value().last_offset() < asked.fetch_offset) continue;
        if (room == 0) break;
        // The last one may come cut short, as from Kafka; the first never does.
        const std::size_t part = bytes.empty() ? batch.size() : std::min(room, batch.size());
        bytes.insert(bytes.end(), batch.begin(), batch.begin() + static_cast<std::ptrdiff_t>(part));
        room -= std::min(room, part);
      }
      result.records = Records{bytes};
    }
    reply(response, header, out);
    return fault == Fault::kCutAfter ? Next::kCut : Next::kGoOn;
  }

  Settings settings_;
  std::mutex mutex_;
  std::vector<std::vector<ByteVec>> logs_;
  std::vector<std::int64_t> starts_;
  std::vector<int> leaders_;
  std::map<std::pair<std::int64_t, std::size_t>, SequenceState> sequences_;
  std::int64_t next_producer_ = 100;
  int leaderless_answers_ = 0;
  std::atomic<int> produced_ = 0;
  std::atomic<int> fetched_ = 0;
  std::atomic<int> faults_ = 0;
  std::atomic<int> metadata_asked_ = 0;
  std::atomic<int> commits_ = 0;
  std::vector<Address> addresses_;
  std::vector<Fd> listeners_;
  std::mutex visitors_lock_;
  std::list<std::jthread> visitors_;
  std::vector<std::jthread> acceptors_;
};

}  // namespace ds::kafka
