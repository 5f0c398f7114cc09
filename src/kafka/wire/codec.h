// Messages to bytes and back, one call each way.
//
//   ByteVec frame = encode_request(HeartbeatRequest{.group_id = "storm"}, 3, 17, "datastorm");
//   Result<HeartbeatResponse> answer = decode<HeartbeatResponse>(body, 3);
//
// Pure functions: no state, no thread, no clock. The walks over a message's fields are compiled
// once, in messages/*.cc; this header only names them.
//
// Decoding trusts nothing: a count or a length is held against the bytes that are left before
// anything is allocated, a negative one is refused unless it means null, and bytes left over after
// the last field are refused. What a message may allocate is thus a small multiple of its bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "kafka/wire/fields.h"

namespace ds::kafka {

/// Kafka's own cap on a request (socket.request.max.bytes).
constexpr std::size_t kFrameBytesMax = 100u << 20;

/// The largest frame worth accepting for an API: only Produce carries records.
constexpr std::size_t frame_bytes_max(ApiKey key) {
  return key == ApiKey::kProduce ? kFrameBytesMax : 8u << 20;
}

/// A frame whose record batches stay where they are: for writev without copying them.
///
///   gather_request(produce, 7, id, "datastorm", out);
///   out.for_each_piece([&](ByteView piece) { iov.push_back(piece); });
///
/// Lifetime: the records are borrowed until the frame is sent; `head` is this object's own, and its
/// memory is reused by the next gather into it.
struct Gathered {
  struct Cut {
    std::size_t at;  // these records belong before head[at]
    ByteView records;
  };
  ByteVec head;           // the frame's bytes but for the records, its length first
  std::vector<Cut> cuts;  // by `at`

  std::size_t size() const {
    std::size_t sum = head.size();
    for (const Cut& cut : cuts) sum += cut.records.size();
    return sum;
  }
  /// Calls visit(ByteView) with every non-empty piece, in the order they are to be sent.
  void for_each_piece(auto&& visit) const {
    std::size_t at = 0;
    for (const Cut& cut : cuts) {
      if (cut.at > at) visit(ByteView(head).subspan(at, cut.at - at));
      if (!cut.records.empty()) visit(cut.records);
      at = cut.at;
    }
    if (head.size() > at) visit(ByteView(head).subspan(at));
  }
  void clear() {
    head.clear();
    cuts.clear();
  }
};

enum class Leftover { kRefused, kIgnored };

/// The walks over one message's fields; defined in codec_impl.h, instantiated in messages/*.cc.
template <typename M>
struct Codec {
  static void encode(const M& message, int version, ByteVec& out);
  static void gather(const M& message, int version, Gathered& out);
  static std::size_t size(const M& message, int version);
  static Result<M> decode(ByteView body, int version, Leftover leftover = Leftover::kRefused);
  static void append_json(const M& message, int version, bool whole, std::string& out);
};

/// Appends the body. `version` must be one of M's; fields the version lacks are left out.
template <Message M>
void encode(const M& message, int version, ByteVec& out) {
  Codec<M>::encode(message, version, out);
}
template <Message M>
ByteVec encode(const M& message, int version) {
  ByteVec out;
  Codec<M>::encode(message, version, out);
  return out;
}
/// The body's bytes, records included.
template <Message M>
std::size_t encoded_size(const M& message, int version) {
  return Codec<M>::size(message, version);
}

/// Reads a whole body. Lifetime: Records in the result point into `body`; all else is copied.
template <Message M>
Result<M> decode(ByteView body, int version) {
  return Codec<M>::decode(body, version);
}

/// `Heartbeat request v3 {"groupId":"storm",…}`: for logs. Bytes and records appear as their
/// lengths only, so that no password and no payload gets into a log.
template <Message M>
std::string log_line(const M& message, int version) {
  std::string out;
  Codec<M>::append_json(message, version, false, out);
  return fmt::format("{}{} v{} {}", M::api.name, direction_name(M::direction), version, out);
}

/// The JSON that Kafka's own converters read and write (bytes in base64; records left empty).
template <Message M>
std::string to_kafka_json(const M& message, int version) {
  std::string out;
  Codec<M>::append_json(message, version, true, out);
  return out;
}

// Frames: four bytes of length, a header, a body.

/// What stands before every request. A request of an unknown API or version can still be answered:
/// its header is read as far as every header agrees.
struct RequestHeader {
  std::int16_t api_key = 0;
  std::int16_t api_version = 0;
  std::int32_t correlation_id = 0;
  std::optional<std::string> client_id;
  bool operator==(const RequestHeader&) const = default;
};

struct ResponseHeader {
  std::int32_t correlation_id = 0;
};

/// Takes the header off the front of a frame's bytes (without the length), leaving the body.
Result<RequestHeader> take_request_header(ByteView& frame);
/// `version` is that of the request which this answers.
Result<ResponseHeader> take_response_header(ByteView& frame, const Api& api, int version);

/// The whole size, its length field included, of the frame that `bytes` begins with; nothing while
/// fewer than four bytes are there; an error for a length below zero or over `max`.
Result<std::optional<std::size_t>> frame_size(ByteView bytes, std::size_t max = kFrameBytesMax);

void begin_request(const Api& api, int version, std::int32_t correlation_id,
                   std::string_view client_id, ByteVec& out);
void begin_response(const Api& api, int version, std::int32_t correlation_id, ByteVec& out);
/// Sets the length of the frame that starts at `start`; `beyond` bytes are sent from elsewhere.
void end_frame(ByteVec& out, std::size_t start, std::size_t beyond = 0);

template <Message M>
ByteVec encode_request(const M& message, int version, std::int32_t correlation_id,
                       std::string_view client_id) {
  static_assert(M::direction == Direction::kRequest);
  ByteVec out;
  begin_request(M::api, version, correlation_id, client_id, out);
  encode(message, version, out);
  end_frame(out, 0);
  return out;
}

/// Appends a frame to what is in `out`, so that one write can answer several requests.
template <Message M>
void append_response(const M& message, int version, std::int32_t correlation_id, ByteVec& out) {
  static_assert(M::direction == Direction::kResponse);
  const std::size_t start = out.size();
  begin_response(M::api, version, correlation_id, out);
  encode(message, version, out);
  end_frame(out, start);
}
template <Message M>
ByteVec encode_response(const M& message, int version, std::int32_t correlation_id) {
  ByteVec out;
  append_response(message, version, correlation_id, out);
  return out;
}

/// As encode_request(), but the records are borrowed: see Gathered. Cost: no allocation once `out`
/// has grown to the message's size.
template <Message M>
void gather_request(const M& message, int version, std::int32_t correlation_id,
                    std::string_view client_id, Gathered& out) {
  static_assert(M::direction == Direction::kRequest);
  out.clear();
  begin_request(M::api, version, correlation_id, client_id, out.head);
  Codec<M>::gather(message, version, out);
  end_frame(out.head, 0, out.size() - out.head.size());
}
template <Message M>
void gather_response(const M& message, int version, std::int32_t correlation_id, Gathered& out) {
  static_assert(M::direction == Direction::kResponse);
  out.clear();
  begin_response(M::api, version, correlation_id, out.head);
  Codec<M>::gather(message, version, out);
  end_frame(out.head, 0, out.size() - out.head.size());
}

}  // namespace ds::kafka
