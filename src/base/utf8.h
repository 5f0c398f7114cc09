// Valid UTF-8, by the table of RFC 3629: no overlong forms, no surrogates, nothing past U+10FFFF.
#pragma once

#include <string_view>

namespace ds {

/// The length of the sequence that `text` starts with, 1 to 4; 0 when it is not valid.
inline std::size_t utf8_sequence_length(std::string_view text) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto continues = [&](std::size_t i) { return i < text.size() && (at(i) & 0xc0) == 0x80; };
  if (text.empty()) return 0;
  const unsigned char a = at(0);
  if (a < 0x80) return 1;
  if (a >= 0xc2 && a <= 0xdf) return continues(1) ? 2 : 0;
  if (a >= 0xe0 && a <= 0xef) {
    if (!continues(1) || !continues(2)) return 0;
    if ((a == 0xe0 && at(1) < 0xa0) || (a == 0xed && at(1) > 0x9f)) return 0;
    return 3;
  }
  if (a >= 0xf0 && a <= 0xf4) {
    if (!continues(1) || !continues(2) || !continues(3)) return 0;
    if ((a == 0xf0 && at(1) < 0x90) || (a == 0xf4 && at(1) > 0x8f)) return 0;
    return 4;
  }
  return 0;
}

inline bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = utf8_sequence_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace ds
