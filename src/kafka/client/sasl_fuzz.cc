// What a server or another member may say to the client: a SCRAM server's two messages, and what
// group members tell of themselves. A server that does not know the password never gets us in.
#include <cstdint>

#include "base/check.h"
#include "kafka/client/assignor.h"
#include "kafka/client/sasl.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ds;
  using namespace ds::kafka;
  const ByteView bytes(data, size);
  const std::string_view text = as_text(bytes);
  for (const auto mechanism : {SaslMechanism::kScramSha256, SaslMechanism::kScramSha512}) {
    SaslLogin login({.sasl = mechanism, .user = "alice", .password = "no fuzzer knows it"},
                    "nonce");
    (void)login.first();
    const auto line = std::min(text.find('\n'), text.size());
    if (!login.on(text.substr(0, line))) continue;
    (void)login.on(text.substr(std::min(line + 1, text.size())));
    check(!login.done(), "a server that does not know the password has let us in");
  }
  for (const auto assignor : {Assignor::kRange, Assignor::kSticky, Assignor::kCooperativeSticky})
    if (const auto told = decode_subscription(assignor, "m", {}, bytes))
      (void)decode_subscription(assignor, "m", {}, encode_subscription(assignor, *told));
  if (const auto share = decode_share(bytes)) {
    const auto again = decode_share(encode_share(*share));
    check(again && *again == *share, "a share changes on its way");
  }
  return 0;
}
