#include "sink/record_walk.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace ds {
namespace {

bool sound_text(std::string_view text) {
  return is_utf8(text) && text.find('\0') == std::string_view::npos;
}
bool sound_tag(std::string_view text) {
  if (text.empty() || text.size() > kStoredTagMax || !sound_text(text)) return false;
  for (const char c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return false;
  return text.back() != '\\';
}

/// Every length that the loops by words tell apart, with and without one byte that is special at
/// every place where it could be overlooked.
TEST(RecordWalk, RulesHoldByteForByte) {
  Random random(1);
  for (std::size_t size = 0; size < 400; ++size) {
    std::string text(size, ' ');
    for (char& c : text) c = static_cast<char>(' ' + random.below(95));
    for (std::size_t at = 0; at <= size; ++at) {
      for (const unsigned char special : {0x00, 0x01, 0x1f, 0x20, 0x5c, 0x7e, 0x7f, 0x80, 0xff}) {
        std::string changed = text;
        if (at < size) changed[at] = static_cast<char>(special);
        ASSERT_EQ(detail::is_sound_text(changed), sound_text(changed))
            << size << " bytes, " << int{special} << " at " << at;
        ASSERT_EQ(detail::is_sound_tag(changed), sound_tag(changed))
            << size << " bytes, " << int{special} << " at " << at;
      }
    }
  }
}

TEST(RecordWalk, LettersBeyondAsciiAreSound) {
  for (const std::string_view text :
       {"Zoë", "naïve café", "Zoës Kaffee, zwölf Sorten und noch mehr davon, jeden Tag"}) {
    EXPECT_TRUE(detail::is_sound_text(text)) << text;
    EXPECT_TRUE(detail::is_sound_tag(text)) << text;
  }
}

}  // namespace
}  // namespace ds
