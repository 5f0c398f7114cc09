// JSON from a `fields` visitor: a struct names its fields once and JSON follows.
//
//   struct Tick {
//     std::int64_t rate = 0;
//     static void fields(auto& self, auto& io) { io("rate", self.rate); }
//   };
//   std::string line = to_json(tick);   // {"rate":0}
#pragma once

#include <charconv>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ds {

/// Quotes and escapes; invalid UTF-8 becomes U+FFFD, so the output is always valid JSON.
void append_json_string(std::string& out, std::string_view text);

class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}

  template <typename T>
  void operator()(std::string_view name, const T& value) {
    if (!first_) out_ += ',';
    first_ = false;
    append_json_string(out_, name);
    out_ += ':';
    put(value);
  }

  template <typename T>
  void put(const T& value) {
    if constexpr (std::same_as<T, bool>) {
      out_ += value ? "true" : "false";
    } else if constexpr (std::integral<T>) {
      append_number(value);
    } else if constexpr (std::floating_point<T>) {
      if (std::isfinite(value))
        append_number(value);
      else
        out_ += "null";
    } else if constexpr (std::convertible_to<const T&, std::string_view>) {
      append_json_string(out_, value);
    } else if constexpr (requires { T::fields(value, *this); }) {
      out_ += '{';
      JsonWriter inner(out_);
      T::fields(value, inner);
      out_ += '}';
    } else if constexpr (requires { value.has_value(); }) {
      if (value)
        put(*value);
      else
        out_ += "null";
    } else if constexpr (requires { typename T::mapped_type; }) {
      out_ += '{';
      JsonWriter inner(out_);
      for (const auto& [key, each] : value) inner(key, each);
      out_ += '}';
    } else {
      out_ += '[';
      bool first = true;
      for (const auto& each : value) {
        if (!first) out_ += ',';
        first = false;
        put(each);
      }
      out_ += ']';
    }
  }

 private:
  template <typename T>
  void append_number(T value) {
    char digits[32];
    const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    out_.append(digits, end);
  }

  std::string& out_;
  bool first_ = true;
};

template <typename T>
std::string to_json(const T& value) {
  std::string out;
  JsonWriter(out).put(value);
  return out;
}

}  // namespace ds
