#include "observe/snapshot_json.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace ds {
namespace {

using nlohmann::json;

/// The other direction of JsonWriter: fields() says what to look for.
class JsonReader {
 public:
  JsonReader(const json& from, std::string& wrong) : from_(from), wrong_(wrong) {}

  template <typename T>
  void operator()(std::string_view name, T& value) {
    const auto found = from_.find(name);
    if (found == from_.end()) return;
    if (!read(*found, value) && wrong_.empty()) wrong_ = name;
  }

 private:
  template <typename T>
  bool read(const json& from, T& value) {
    if constexpr (requires { T::fields(value, *this); }) {
      if (!from.is_object()) return false;
      JsonReader inner(from, wrong_);
      T::fields(value, inner);
      return true;
    } else if constexpr (requires { typename T::mapped_type; }) {
      if (!from.is_object()) return false;
      for (const auto& [key, each] : from.items())
        if (!read(each, value[key])) return false;
      return true;
    } else if constexpr (requires { value.has_value(); }) {
      if (from.is_null()) return value.reset(), true;
      return read(from, value.emplace());
    } else if constexpr (std::same_as<T, std::string>) {
      if (!from.is_string()) return false;
      value = from.get<std::string>();
      return true;
    } else if constexpr (std::same_as<T, bool>) {
      if (!from.is_boolean()) return false;
      value = from.get<bool>();
      return true;
    } else if constexpr (std::is_arithmetic_v<T>) {
      if (!from.is_number()) return false;
      value = from.get<T>();
      return true;
    } else {
      if (!from.is_array()) return false;
      value.clear();
      for (const json& each : from)
        if (!read(each, value.emplace_back())) return false;
      return true;
    }
  }

  const json& from_;
  std::string& wrong_;
};

}  // namespace

Result<Snapshot> parse_snapshot(std::string_view text) {
  const json parsed = json::parse(text, nullptr, false);
  if (!parsed.is_object())
    return Error{.code = ErrorCode::kProtocol, .message = "the status is not a JSON object"};
  Snapshot snapshot;
  std::string wrong;
  JsonReader reader(parsed, wrong);
  Snapshot::fields(snapshot, reader);
  if (!wrong.empty())
    return Error{.code = ErrorCode::kProtocol,
                 .message = fmt::format("the status has a strange '{}'", wrong)};
  return snapshot;
}

}  // namespace ds
