#include "kafka/wire/codec.h"

#include "base/varint.h"
#include "kafka/wire/codec_impl.h"

namespace ds::kafka {
namespace {

template <std::integral T>
void append_be(ByteVec& out, T value) {
  const std::size_t at = out.size();
  out.resize(at + sizeof value);
  store_be(out.data() + at, value);
}

template <std::integral T>
bool take_be(ByteView& from, T& value) {
  if (from.size() < sizeof value) return false;
  value = load_be<T>(from.data());
  from = from.subspan(sizeof value);
  return true;
}

bool skip_tags(ByteView& from) {
  auto count = take_varint(from);
  if (!count) return false;
  for (; *count > 0; --*count) {
    if (!take_varint(from)) return false;
    const auto size = take_varint(from);
    if (!size || *size > from.size()) return false;
    from = from.subspan(*size);
  }
  return true;
}

/// In every header version a string with a two-byte length, null below zero.
bool take_client_id(ByteView& from, std::optional<std::string>& client_id) {
  std::int16_t length = 0;
  if (!take_be(from, length) || length < -1) return false;
  if (length == -1) return true;
  if (static_cast<std::size_t>(length) > from.size()) return false;
  client_id = std::string(as_text(from.first(static_cast<std::size_t>(length))));
  from = from.subspan(static_cast<std::size_t>(length));
  return true;
}

Error malformed(std::string_view what) {
  return Error{.code = ErrorCode::kProtocol, .message = fmt::format("{} is malformed", what)};
}

}  // namespace

Result<RequestHeader> take_request_header(ByteView& frame) {
  RequestHeader header;
  if (!take_be(frame, header.api_key) || !take_be(frame, header.api_version) ||
      !take_be(frame, header.correlation_id) || !take_client_id(frame, header.client_id))
    return malformed("a request header");
  const Api* api = find_api(header.api_key);
  if (api != nullptr && api->flexible(header.api_version) && !skip_tags(frame))
    return malformed("the tag section of a request header");
  return header;
}

Result<ResponseHeader> take_response_header(ByteView& frame, const Api& api, int version) {
  ResponseHeader header;
  if (!take_be(frame, header.correlation_id)) return malformed("a response header");
  if (api.response_header(version) >= 1 && !skip_tags(frame))
    return malformed("the tag section of a response header");
  return header;
}

Result<std::optional<std::size_t>> frame_size(ByteView bytes, std::size_t max) {
  if (bytes.size() < 4) return std::optional<std::size_t>{};
  const auto length = load_be<std::int32_t>(bytes.data());
  if (length < 0 || static_cast<std::size_t>(length) > max)
    return Error{.code = ErrorCode::kProtocol,
                 .message = fmt::format("a frame of {} bytes, at most {} are taken", length, max),
                 .hint = "is the other side speaking Kafka's protocol, without TLS?"};
  return std::optional(4 + static_cast<std::size_t>(length));
}

void begin_request(const Api& api, int version, std::int32_t correlation_id,
                   std::string_view client_id, ByteVec& out) {
  check(client_id.size() <= kStringBytesMax, "a client id over 32767 bytes");
  append_be(out, std::int32_t{0});
  append_be(out, static_cast<std::int16_t>(api.key));
  append_be(out, static_cast<std::int16_t>(version));
  append_be(out, correlation_id);
  append_be(out, static_cast<std::int16_t>(client_id.size()));
  out.insert(out.end(), client_id.begin(), client_id.end());
  if (api.request_header(version) >= 2) out.push_back(0);
}

void begin_response(const Api& api, int version, std::int32_t correlation_id, ByteVec& out) {
  append_be(out, std::int32_t{0});
  append_be(out, correlation_id);
  if (api.response_header(version) >= 1) out.push_back(0);
}

void end_frame(ByteVec& out, std::size_t start, std::size_t beyond) {
  const std::size_t length = out.size() - start - 4 + beyond;
  check(length <= 0x7fffffff, "a Kafka frame over 2 GiB");
  store_be(out.data() + start, static_cast<std::int32_t>(length));
}

std::string to_base64(ByteView bytes, bool url) {
  std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  if (url) digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t have = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t bits = 0;
    for (std::size_t k = 0; k < 3; ++k) bits = bits << 8 | (k < have ? bytes[i + k] : 0u);
    for (std::size_t k = 0; k < 4; ++k) {
      if (k <= have)
        out += digits[bits >> (18 - 6 * k) & 63];
      else if (!url)
        out += '=';
    }
  }
  return out;
}

}  // namespace ds::kafka
