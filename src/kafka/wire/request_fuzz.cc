// Any bytes as a frame: header, then the body of whatever message and version the header names, as
// a broker and a client read them. What decodes must encode again, to bytes that decode the same.
//
// Input: one byte (odd: a response), then a frame without its length.
#include <cstdint>
#include <cstdlib>

#include "kafka/wire/messages/all.h"

namespace ds::kafka {
namespace {

template <Message M>
void try_body(ByteView body, int version) {
  const auto message = decode<M>(body, version);
  if (!message.ok()) return;
  const ByteVec again = encode(*message, version);
  if (again.size() != encoded_size(*message, version)) std::abort();
  const auto twice = decode<M>(again, version);
  if (!twice.ok() || !(*twice == *message)) std::abort();
  if (log_line(*message, version).empty()) std::abort();
}

void try_frame(ByteView bytes) {
  if (bytes.empty()) return;
  const auto direction = bytes[0] % 2 == 0 ? Direction::kRequest : Direction::kResponse;
  ByteView body = bytes.subspan(1);
  (void)frame_size(body);
  const auto header = take_request_header(body);
  if (!header.ok()) return;
  for_each_message([&]<class M>() {
    if (M::direction == direction && static_cast<std::int16_t>(M::api.key) == header->api_key)
      try_body<M>(body, header->api_version);
  });
  (void)decode_embedded<ConsumerProtocolSubscription>(body);
  (void)decode_embedded<ConsumerProtocolAssignment>(body);
}

}  // namespace
}  // namespace ds::kafka

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ds::kafka::try_frame({data, size});
  return 0;
}
