// Any bytes as a descriptor set: what it describes is drawn in both encodings, again the same. The
// first byte chooses among the file's messages by their number.
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/stubs/logging.h>

#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "record/payload/protobuf_schema.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ds;
  static const bool silent = (google::protobuf::SetLogHandler(nullptr), true);
  if (!silent || size == 0 || size > 4096) return 0;
  const std::string_view bytes = as_text(ByteView(data + 1, size - 1));
  google::protobuf::FileDescriptorSet set;
  std::string message;
  if (set.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) && set.file_size() > 0 &&
      set.file(0).message_type_size() > 0)
    message = set.file(0).message_type(data[0] % set.file(0).message_type_size()).name();
  const auto payload = descriptor_set_payload(bytes, "t", message, 1, Encoding::kProtobuf);
  if (!payload) return payload.error().message.empty() ? std::abort(), 0 : 0;
  for (std::uint64_t n = 0; n < 2; ++n) {
    Image image, again, json;
    (*payload)->draw(n, image);
    (*payload)->draw(n, again);
    (*payload)->draw_readable(n, json);
    const RecordFacts facts{.seed = 1, .record = n, .timestamp_ms = 1'763'700'000'000};
    if (!(image == again) || made_of(image, facts).size() != image.bytes.size()) std::abort();
    if (!nlohmann::json::accept(as_text(made_of(json, facts)))) std::abort();
  }
  return 0;
}
