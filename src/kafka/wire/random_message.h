// Random values of any message, for tests: every field that the version holds is filled, at every
// depth; what it lacks keeps its default, so that decode(encode(x)) == x.
//
//   auto request = random_message<FetchRequest>(random, 11);
#pragma once

#include <string>

#include "base/random.h"
#include "kafka/wire/codec.h"

namespace ds::kafka {

class RandomFields {
 public:
  RandomFields(Random& random, int version) : random_(random), version_(version) {}

  template <typename T>
  void operator()(std::string_view, T& field, When when = {}) {
    if (!when.holds(version_)) return;
    if (when.tagged() && random_.below(2) == 0) return;  // its default
    if constexpr (is_optional<T>) {
      // Half of the nullables are null where they may be.
      field.reset();
      if (version_ >= when.null_first && random_.below(2) == 0) return;
      fill(field.emplace());
    } else {
      fill(field);
    }
  }

  template <typename T>
  void fill(T& value) {
    if constexpr (std::same_as<T, bool>) {
      value = random_.below(2) == 1;
    } else if constexpr (WireNumber<T>) {
      value = static_cast<T>(number(8 * sizeof(T)));
    } else if constexpr (std::same_as<T, std::string>) {
      static constexpr std::string_view kLetters[] = {
          "a", "Z", "-", "7", "\"", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\n"};
      value.clear();
      for (std::size_t left = length(); left > 0; --left)
        value += kLetters[random_.below(std::size(kLetters))];
    } else if constexpr (std::same_as<T, Records>) {
      value.bytes = as_bytes(std::string_view("\0records\xff", 9)).first(random_.below(10));
    } else if constexpr (std::same_as<T, Uuid>) {
      for (auto& byte : value.bytes) byte = static_cast<std::uint8_t>(random_());
    } else if constexpr (std::same_as<T, ByteVec>) {
      value.resize(length());
      for (auto& byte : value) byte = static_cast<std::uint8_t>(random_());
    } else if constexpr (is_array<T>) {
      value.resize(random_.below(4));
      for (auto& each : value) fill(each);
    } else {
      T::fields(value, *this);
    }
  }

 private:
  /// Small and large numbers alike, and the edges.
  std::int64_t number(std::size_t bits) {
    const auto any = static_cast<std::int64_t>(random_());
    switch (random_.below(4)) {
      case 0:
        return static_cast<std::int64_t>(random_.below(4)) - 1;
      case 1:
        return static_cast<std::int64_t>(std::uint64_t{1} << (bits - 1));  // the least
      case 2:
        return static_cast<std::int64_t>((std::uint64_t{1} << (bits - 1)) - 1);  // the most
      default:
        return any;
    }
  }
  std::size_t length() {
    if (random_.below(16) == 0) return 120 + random_.below(60);  // a varint of two bytes
    return random_.below(6);
  }

  Random& random_;
  const int version_;
};

template <Message M>
M random_message(Random& random, int version) {
  M message;
  RandomFields fields(random, version);
  M::fields(message, fields);
  return message;
}

}  // namespace ds::kafka
