// A webhook from anybody who does not know the secret: three headers' values and a body, a line
// each. No such message may pass, and no body may crash its reader.
#include <cstdint>

#include "base/check.h"
#include "web/hook_body.h"
#include "web/hook_signature.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ds;
  static HookKeys keys = *HookKeys::make({"a secret that no fuzzer can know", "whsec_c2VjcmV0"});
  std::string_view rest = as_text(ByteView(data, size));
  HttpRequest request;
  for (const char* name :
       {"x-hub-signature-256", "webhook-id", "webhook-timestamp", "webhook-signature"}) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    if (!line.empty()) request.headers.emplace_back(name, line);
  }
  request.body = as_bytes(rest);
  check(!check_signature(keys, request, 1'700'000'000, 300), "a message that nobody signed passes");
  HookBodyReader reader({"events", "readings"});
  for (const auto format : {HookFormat::kJson, HookFormat::kLines}) {
    if (reader.read(format, request.body)) continue;
    for (const HookEvent& event : reader.events()) {
      check(event.topic < 2, "an event for a topic that is not there");
      check(event.value.empty() || (event.value.data() >= request.body.data() &&
                                    event.value.data() + event.value.size() <=
                                        request.body.data() + request.body.size()),
            "an event outside of its body");
    }
  }
  return 0;
}
