// Whatever comes from the network: no crash, no growth, and the same requests however the bytes
// are cut into reads.
#include <cstdlib>
#include <string>

#include "net/http_parser.h"

namespace ds {
namespace {

std::string story(ByteView bytes, std::size_t piece) {
  HttpRequestParser parser(1024, 4096);
  std::string told;
  while (true) {
    const auto step = parser.advance();
    if (step == HttpRequestParser::Step::kRefused) {
      return told += std::to_string(parser.status());
    } else if (step == HttpRequestParser::Step::kRequest) {
      const HttpRequest& request = parser.request();
      check(request.body.size() <= 4096, "the body is past its limit");
      for (const auto part : {request.method, request.path, request.query, as_text(request.body)})
        (told += part) += '\n';
      for (const auto& [name, value] : request.headers) ((told += name) += '=') += value;
      told += request.parameter("a").value_or("-");
      told += parser.keep_alive() ? "k\n" : "c\n";
      parser.next();
    } else if (bytes.empty()) {
      return told;
    } else {
      const std::size_t now = std::min(piece, bytes.size());
      parser.append(bytes.first(now));
      bytes = bytes.subspan(now);
    }
  }
}

}  // namespace
}  // namespace ds

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ds::ByteView bytes(data, size);
  const std::string whole = ds::story(bytes, size + 1);
  for (const std::size_t piece : {1, 3}) {
    const std::string cut = ds::story(bytes, piece);
    ds::check(cut == whole, "the cuts between reads change what is read");
  }
  return 0;
}
