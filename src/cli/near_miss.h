// What somebody meant who wrote nearly that.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace ds::cli {

/// The one of `names` that a slip or two of the fingers turn into `word`; empty when none is near,
/// or when two are equally so.
std::string_view nearest(std::string_view word, std::span<const std::string_view> names);

}  // namespace ds::cli
