#include "record/json_field.h"

#include <simdjson.h>

namespace ds {

struct JsonField::Parser {
  simdjson::dom::parser parser;
};

JsonField::JsonField() : parser_(std::make_unique<Parser>()) {}
JsonField::~JsonField() = default;

std::optional<std::string_view> JsonField::read(ByteView object, std::string_view name) {
  simdjson::dom::object fields;
  simdjson::dom::element field;
  if (parser_->parser.parse(object.data(), object.size()).get(fields) != simdjson::SUCCESS ||
      fields[name].get(field) != simdjson::SUCCESS || field.is_null())
    return std::nullopt;
  std::string_view text;
  if (field.get(text) == simdjson::SUCCESS)
    found_ = text;
  else
    found_ = simdjson::minify(field);
  return found_;
}

}  // namespace ds
