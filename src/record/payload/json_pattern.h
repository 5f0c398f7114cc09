// Texts that a regular expression of JSON Schema accepts: literals, classes, groups, alternatives,
// repeats and the dot. Look-around, back references and inner anchors are refused in words.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/random.h"
#include "base/result.h"

namespace ds {

struct Pattern;

Result<std::shared_ptr<const Pattern>> parse_pattern(std::string_view text);
std::string draw_pattern(const Pattern& pattern, Random& random);

}  // namespace ds
