// A schedule's text: what is taken has sane figures.
#include <cstdint>

#include "base/bytes.h"
#include "base/check.h"
#include "storm/schedule.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ds;
  if (size > 512) return 0;
  const auto schedule = Schedule::parse(as_text(ByteView(data, size)));
  if (!schedule) {
    check(!schedule.error().message.empty(), "a refusal without a word");
    return 0;
  }
  constexpr Nanos kInstants[] = {0, kMillisecond, kSecond, 10 * kSecond, 3600 * kSecond};
  double before = 0;
  for (const Nanos at : kInstants) {
    const double due = schedule->due(at);
    check(due >= before * (1 - 1e-9), "what was due is due no more");
    check(schedule->rate(at) >= 0, "a rate below nothing");
    before = due;
  }
  return 0;
}
