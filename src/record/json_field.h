// One field of a JSON object, by name.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace ds {

/// Threads: one. Cost: parses the whole object.
class JsonField {
 public:
  JsonField();
  ~JsonField();
  /// A string's text, of other values their JSON; nothing when there is no such field, when it is
  /// null, or when the bytes are no object. Good until the next call.
  std::optional<std::string_view> read(ByteView object, std::string_view name);

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
  std::string found_;
};

}  // namespace ds
