// The Error of a flag, a setting or a file that says something impossible.
#pragma once

#include <string>
#include <utility>

#include "base/result.h"

namespace ds {

inline Error wrong_use(std::string message, std::string hint = {}) {
  return Error{.code = ErrorCode::kUsage, .message = std::move(message), .hint = std::move(hint)};
}

}  // namespace ds
