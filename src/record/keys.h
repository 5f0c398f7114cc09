// Which key a record has: a pure function of (seed, record number), or of what the record says.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "record/zipf.h"

namespace ds {

struct Keys {
  enum class Kind {
    kNone,
    kUniform,  // uniform: each of `cardinality` keys as often as the others
    kZipf,     // zipf or zipf:1.2, the first of them most often
    kOne,      // one: all the same
    kBrand,    // brand: a tweet's brand
    kField,    // field:NAME of the value: of a tweet, or of a JSON object
  };
  static constexpr std::uint64_t kCardinalityMax = 100'000'000;

  Kind kind = Kind::kNone;
  double exponent = 1;  // of kZipf
  std::string field;    // of kField
  std::uint64_t cardinality = 1000;

  bool drawn() const { return kind == Kind::kUniform || kind == Kind::kZipf || kind == Kind::kOne; }
};

/// "none", "uniform", "zipf:1.2" and the others above.
Result<Keys> parse_keys(std::string_view text);

/// Draws the keys that are drawn: "key-00000042". Threads: any.
class KeyDrawer {
 public:
  static constexpr std::size_t kBytes = 12;

  KeyDrawer(const Keys& keys, std::uint64_t seed);
  /// The record's key is number so much of all.
  std::uint64_t number(std::uint64_t record) const;
  void put(std::uint64_t record, char* to) const;  // kBytes

 private:
  Keys::Kind kind_;
  std::uint64_t cardinality_;
  std::uint64_t seed_;
  std::optional<Zipf> zipf_;
};

}  // namespace ds
