// Text between and within the tags of HTML and XML.
#pragma once

#include <string>
#include <string_view>

namespace ds {

/// What means something there is written so that it does not. Control characters, which XML has no
/// way to write, become blanks.
std::string escape_markup(std::string_view text);

}  // namespace ds
