// A Kafka message declares its fields once; everything that must walk them is a visitor.
//
//   struct HeartbeatRequest {
//     static constexpr const Api& api = api_of(ApiKey::kHeartbeat);
//     static constexpr Direction direction = Direction::kRequest;
//
//     std::string group_id;
//     std::optional<std::string> group_instance_id;
//
//     static void fields(auto& self, auto& io) {
//       io("GroupId", self.group_id);                             // in every version
//       io("GroupInstanceId", self.group_instance_id, since(3));  // from version 3 on
//     }
//     bool operator==(const HeartbeatRequest&) const = default;
//   };
//
// Names, order and versions are those of Kafka's message descriptions. The C++ type says the rest:
//
//   bool, std::intN_t, enum of one     big-endian          std::string            string
//   std::optional<string, array, …>    nullable            ByteVec                bytes
//   std::vector<T>                     array               Records                record batches
//   a struct with `fields`             nested              Uuid                   16 bytes
//
// A field that the version lacks is neither written nor read: it keeps its initializer, which is
// therefore Kafka's default. A flexible version (KIP-482) writes lengths as varint(n + 1) and ends
// each struct with a section of tagged fields; unknown tags are skipped when read.
#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/bytes.h"
#include "kafka/wire/api.h"
#include "kafka/wire/error_codes.h"

namespace ds::kafka {

enum class Direction { kRequest, kResponse, kEmbedded };

/// " request", " response", or nothing: to be put after an API's name.
constexpr std::string_view direction_name(Direction direction) {
  return direction == Direction::kRequest    ? " request"
         : direction == Direction::kResponse ? " response"
                                             : "";
}

/// Zeros mean "none", as in Kafka.
struct Uuid {
  std::array<std::uint8_t, 16> bytes{};
  bool is_zero() const { return *this == Uuid{}; }
  auto operator<=>(const Uuid&) const = default;
};

/// Record batches, borrowed. Lifetime: a decoded message's Records point into the bytes it was
/// decoded from; an encoded message's are copied, or gathered (codec.h) without a copy.
struct Records {
  ByteView bytes;
  bool operator==(const Records& other) const { return as_text(bytes) == as_text(other.bytes); }
};

/// What a broker says that was not asked for, or keeps no list of, authorized operations.
constexpr std::int32_t kAuthorizedOperationsUnknown = std::numeric_limits<std::int32_t>::min();

/// In which versions a field is there, and how.
struct When {
  int first = 0;
  int last = kNever;
  int null_first = 0;            // an optional is nullable from here on
  int tag_number = -1;           // a tagged field, left out while it holds its default
  std::int64_t tag_default = 0;  // of a tagged number; other types' default is their empty value

  constexpr bool holds(int version) const { return first <= version && version <= last; }
  constexpr bool tagged() const { return tag_number >= 0; }

  constexpr When until(int version) const {
    When when = *this;
    when.last = version;
    return when;
  }
  /// Below `version` an empty optional is written as an empty value, and a null read is refused.
  constexpr When null_since(int version) const {
    When when = *this;
    when.null_first = version;
    return when;
  }
  constexpr When tag(int number, std::int64_t default_value = 0) const {
    When when = *this;
    when.tag_number = number;
    when.tag_default = default_value;
    return when;
  }
};

constexpr When always() {
  return {};
}
constexpr When since(int version) {
  return {.first = version};
}
constexpr When until(int version) {
  return {.last = version};
}

// What kind of field a C++ type is.

template <typename T>
concept WireNumber = std::integral<T> || std::is_enum_v<T>;

template <typename T>
inline constexpr bool is_optional = false;
template <typename T>
inline constexpr bool is_optional<std::optional<T>> = true;

template <typename T>
inline constexpr bool is_array = false;
template <typename T>
inline constexpr bool is_array<std::vector<T>> = !std::same_as<T, std::uint8_t>;

/// A whole message: it has an API (or kNone) and a direction.
template <typename M>
concept Message = requires {
  { M::api } -> std::convertible_to<const Api&>;
  { M::direction } -> std::convertible_to<Direction>;
};

}  // namespace ds::kafka
