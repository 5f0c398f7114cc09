// The seed of a test that draws: its usual one, or what DATASTORM_SEED says.
#pragma once

#include <cstdint>
#include <cstdlib>

namespace ds {

inline std::uint64_t seed_for_test(std::uint64_t usual) {
  const char* const said = std::getenv("DATASTORM_SEED");
  return said != nullptr ? std::strtoull(said, nullptr, 10) : usual;
}

}  // namespace ds
