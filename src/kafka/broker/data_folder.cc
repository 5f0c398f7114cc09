#include "kafka/broker/data_folder.h"

#include "kafka/broker/topics.h"

namespace ds::kafka::broker {
namespace {

constexpr std::string_view kProgram = "datastorm broker ";
constexpr int kVersion = 1;
constexpr std::string_view kCluster = "\ncluster ";
constexpr std::string_view kLockFile = "lock";
/// Left when a broker's very first moments were its last; whatever it holds, nothing else is there.
constexpr std::string_view kFormatBegun = "format.new";

Error not_ours(const std::string& path, std::string_view why) {
  return Error{.code = ErrorCode::kUsage,
               .message = fmt::format("{} {}", path, why),
               .hint = "choose another folder with --data-dir"};
}

}  // namespace

Result<DataFolder> DataFolder::open(Files& files, const std::string& path,
                                    const std::string& holder, bool with_lock) {
  if (auto made = files.make_folder(path); !made) return std::move(made).error();
  const std::string format = path + "/format";
  auto known = files.exists(format);
  if (!known) return std::move(known).error();
  if (!*known) {
    auto names = files.list(path);
    if (!names) return std::move(names).error();
    for (const std::string& name : *names)
      if (name != kLockFile && name != kFormatBegun)
        return not_ours(path, fmt::format("holds {}, which is not a broker's", name));
  }
  DataFolder folder{.path = path};
  if (with_lock) {
    auto lock = FileLock::take(fmt::format("{}/{}", path, kLockFile), holder);
    if (!lock) return std::move(lock).error();
    folder.lock = std::move(*lock);
  }
  if (!*known) {
    folder.cluster_id = uuid_text(random_uuid());
    const std::string text =
        fmt::format("{}{}{}{}\n", kProgram, kVersion, kCluster, folder.cluster_id);
    if (auto written = replace_file(files, format, text); !written)
      return std::move(written).error();
    return folder;
  }
  auto text = read_file(files, format, 4096);
  if (!text) return std::move(text).error();
  const auto cluster = text->find(kCluster);
  if (!text->starts_with(kProgram) || cluster == text->npos || text->back() != '\n')
    return not_ours(path, "belongs to another program");
  const std::string version = text->substr(kProgram.size(), cluster - kProgram.size());
  if (version != std::to_string(kVersion))
    return not_ours(path, fmt::format("was written by version {} of the broker; this one reads {}",
                                      version, kVersion));
  folder.cluster_id = text->substr(cluster + kCluster.size());
  folder.cluster_id.pop_back();
  return folder;
}

}  // namespace ds::kafka::broker
