#include "cli/instance.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/random.h"

namespace ds::cli {
namespace {

constexpr int kSlotsMax = 256;

/// With what Kafka allows in a name.
std::string host_name() {
  char name[256] = "";
  if (gethostname(name, sizeof name - 1) != 0) return "host";
  std::string host(name);
  for (char& c : host)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '.' && c != '-') c = '_';
  return host.substr(0, 100);
}

std::uint64_t hash(const std::string& text) {
  std::uint64_t sum = text.size();
  for (const char c : text) sum = mix_bits(sum ^ static_cast<unsigned char>(c));
  return sum;
}

}  // namespace

Result<InstanceSlot> InstanceSlot::take(const std::string& folder, const std::string& what) {
  const std::string name =
      fmt::format("datastorm-{}-{:012x}", getuid(), hash(what) & 0xffff'ffff'ffff);
  for (int slot = 0; slot < kSlotsMax; ++slot) {
    const std::string path = fmt::format("{}/{}-{}.slot", folder, name, slot);
    Fd file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file) {
      return Error{.code = ErrorCode::kStorage,
                   .message = fmt::format("{}: {}", path, std::strerror(errno)),
                   .hint = "name this consumer with --instance"};
    }
    if (flock(file.get(), LOCK_EX | LOCK_NB) != 0) continue;
    return InstanceSlot(fmt::format("{}-{}-{}", host_name(), name, slot), std::move(file));
  }
  return Error{.code = ErrorCode::kStorage,
               .message = fmt::format("all {} slots in {} are taken", kSlotsMax, folder),
               .hint = "name this consumer with --instance"};
}

std::string slot_folder() {
  std::error_code error;
  const auto folder = std::filesystem::temp_directory_path(error);
  return error ? "/tmp" : folder.string();
}

bool in_kubernetes() {
  return std::getenv("KUBERNETES_SERVICE_HOST") != nullptr;
}

std::string pod_instance() {
  if (!in_kubernetes()) return "";
  const std::string host = host_name();
  const std::size_t dash = host.rfind('-');
  const bool numbered = dash != std::string::npos && dash + 1 < host.size() &&
                        host.find_first_not_of("0123456789", dash + 1) == std::string::npos;
  return numbered ? host : "";
}

}  // namespace ds::cli
