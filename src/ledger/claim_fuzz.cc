// Claims out of a topic that anybody may write to: lines of a key, a blank and a value.
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "ledger/balance.h"
#include "ledger/claim.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ds;
  std::string_view rest = as_text(ByteView(data, size));
  ClaimBook book;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    const std::size_t blank = std::min(line.find(' '), line.size());
    (void)book.add(line.substr(0, blank), line.substr(std::min(blank + 1, line.size())));
  }
  for (const auto& [run, claimed] : book.runs()) {
    const Verdict verdict = balance(claimed, Holdings(), "topic");
    check(verdict.lost == verdict.expected, "of a run that left nothing, all is lost");
  }
  return 0;
}
