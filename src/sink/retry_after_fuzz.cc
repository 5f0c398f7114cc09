// A store's Retry-After: whatever it asks for, the wait has bounds.
#include <cstdint>

#include "base/check.h"
#include "sink/line_poster.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ds;
  const auto wait = parse_retry_after(as_text(ByteView(data, size)), 1'700'000'000'000);
  check(!wait || (*wait >= 0 && *wait <= LinePoster::kRetryAfterMax), "a wait without bounds");
  return 0;
}
