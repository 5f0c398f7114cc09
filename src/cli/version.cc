// `datastorm version`: what this build is, and what it stands on.
#include <fmt/format.h>
#include <librdkafka/rdkafka.h>
#include <openssl/crypto.h>
#include <sqlite3.h>

#include "base/json_writer.h"
#include "cli/commands.h"

namespace ds::cli {
namespace {

struct Versions {
  std::string datastorm = DATASTORM_VERSION;
  std::string compiler = __VERSION__;
  std::string librdkafka = rd_kafka_version_str();
  std::string sqlite = sqlite3_libversion();
  std::string openssl = OpenSSL_version(OPENSSL_VERSION_STRING);

  static void fields(auto& self, auto& io) {
    io("datastorm", self.datastorm);
    io("compiler", self.compiler);
    io("librdkafka", self.librdkafka);
    io("sqlite", self.sqlite);
    io("openssl", self.openssl);
  }
};

int run_version(const Invocation& invocation) {
  Reader read(invocation.settings);
  const Versions versions;
  const bool json = read.on("json");
  if (const auto wrong = read.errors()) return report_error(*wrong);
  if (json)
    fmt::print("{}\n", to_json(versions));
  else
    fmt::print("datastorm {} (g++ {}, librdkafka {}, SQLite {}, OpenSSL {})\n", versions.datastorm,
               versions.compiler, versions.librdkafka, versions.sqlite, versions.openssl);
  return kDone;
}

}  // namespace

Command version_command() {
  return {.name = "version",
          .purpose = "say which DataStorm this is, and what it was built with",
          .example = "datastorm version --json",
          .settings = {},
          .run = run_version};
}

}  // namespace ds::cli
