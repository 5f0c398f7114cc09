// Any text as an Avro schema: what parses draws values in both encodings, again the same ones.
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "record/payload/avro_schema.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ds;
  if (size > 4096) return 0;
  const auto payload = avro_payload(as_text(ByteView(data, size)), "t", {}, 1, Encoding::kAvro);
  if (!payload) return payload.error().message.empty() ? std::abort(), 0 : 0;
  for (std::uint64_t n = 0; n < 2; ++n) {
    Image image, again, json;
    (*payload)->draw(n, image);
    (*payload)->draw(n, again);
    (*payload)->draw_readable(n, json);
    const RecordFacts facts{.seed = 1, .record = n, .timestamp_ms = 1'763'700'000'000};
    if (!(image == again) || made_of(image, facts).size() > image.bytes_max()) std::abort();
    if (!nlohmann::json::accept(as_text(made_of(json, facts)))) std::abort();
  }
  return 0;
}
