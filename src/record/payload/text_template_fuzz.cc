// Any text as a template: what parses draws values no larger than promised, again the same ones.
#include <cstdint>
#include <cstdlib>

#include "record/payload/text_template.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ds;
  if (size > 4096) return 0;
  const auto payload = parse_template(as_text(ByteView(data, size)), "t", 1, Encoding::kAsIs);
  if (!payload) return payload.error().message.empty() ? std::abort(), 0 : 0;
  for (std::uint64_t n = 0; n < 4; ++n) {
    Image image, again;
    (*payload)->draw(n, image);
    (*payload)->draw(n, again);
    const RecordFacts facts{.seed = 1, .record = n, .timestamp_ms = 1'763'700'000'000};
    const ByteVec made = made_of(image, facts);
    if (!(image == again) || made.size() != size_of(image, facts) ||
        made.size() > image.bytes_max() || made.size() > 2 * kPayloadBytesMax)
      std::abort();
  }
  return 0;
}
