#include "bench/store_server.h"

#include <filesystem>

namespace ds {
namespace {

// $1: the script, $2 and $3: its verbs, $4: its folder.
constexpr char kKeep[] = R"(
trap '' PIPE
export DS_STATE="$4"
"$1" "$2" || exit 1
echo "it is ready"
exec 1>/dev/null 2>&1
read -r _
"$1" "$3"
)";

}  // namespace

Result<std::unique_ptr<StoreServer>> StoreServer::start(const std::string& script,
                                                        const std::string& start_verb,
                                                        const std::string& stop_verb,
                                                        const std::string& folder) {
  auto keeper = Child::start(kKeep, {script, start_verb, stop_verb, folder});
  if (!keeper) return std::move(keeper).error();
  std::map<std::string, std::string> settings;
  constexpr std::string_view kExport = "export ";
  std::string said;
  while (auto line = (*keeper)->read_line()) {
    if (*line == "it is ready")
      return std::unique_ptr<StoreServer>(new StoreServer(std::move(*keeper), std::move(settings)));
    const auto equals = line->find('=');
    if (line->starts_with(kExport) && equals != std::string::npos)
      settings[line->substr(kExport.size(), equals - kExport.size())] = line->substr(equals + 1);
    else
      said = *line;
  }
  return Error{.code = ErrorCode::kUnreachable, .message = said};
}

std::string StoreServer::setting(const std::string& name) const {
  const auto found = settings_.find(name);
  return found == settings_.end() ? std::string() : found->second;
}

std::string sibling_script(const std::string& kafka_script, const std::string& name) {
  return (std::filesystem::path(kafka_script).parent_path().parent_path() / name).string();
}

bool script_says(const std::string& script, const std::string& verb) {
  auto child = Child::start("exec \"$1\" \"$2\"", {script, verb});
  return child && (*child)->wait().exit_code == 0;
}

}  // namespace ds
