// Any text as a JSON Schema: what parses draws JSON, again the same.
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "record/payload/json_schema.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ds;
  if (size > 4096) return 0;
  const auto payload = json_schema_payload(as_text(ByteView(data, size)), "t", 1);
  if (!payload) return payload.error().message.empty() ? std::abort(), 0 : 0;
  for (std::uint64_t n = 0; n < 2; ++n) {
    Image image, again;
    (*payload)->draw(n, image);
    (*payload)->draw(n, again);
    const ByteVec made =
        made_of(image, {.seed = 1, .record = n, .timestamp_ms = 1'763'700'000'000});
    if (!(image == again) || !nlohmann::json::accept(as_text(made))) std::abort();
  }
  return 0;
}
