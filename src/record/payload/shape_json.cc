// JSON as each kind of schema defines it: Avro's names the branch of a union ({"string":"x"}) and
// writes bytes as characters; Protobuf's quotes 64-bit integers and writes bytes in base64.
#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "base/json_writer.h"
#include "record/payload/shape.h"

namespace ds {
namespace {

std::string base64(std::string_view bytes) {
  constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t three = 0;
    for (std::size_t j = 0; j < 3; ++j)
      three = three << 8 | (i + j < bytes.size() ? static_cast<std::uint8_t>(bytes[i + j]) : 0u);
    for (std::size_t j = 0; j < 4; ++j)
      text += i + j > bytes.size() ? '=' : kAlphabet[three >> (18 - 6 * j) & 63];
  }
  return text;
}

class JsonImage {
 public:
  JsonImage(const Shapes& shapes, Image& into) : shapes_(shapes), into_(into) {}

  void put(Shape::Ref ref, const Value& value) {
    const Shape& shape = shapes_.at(ref);
    switch (shape.kind) {
      case ShapeKind::kNull:
        into_.append("null");
        break;
      case ShapeKind::kLiteral:
        into_.append(shape.literal);
        break;
      case ShapeKind::kBoolean:
        into_.append(value.number != 0 ? "true" : "false");
        break;
      case ShapeKind::kInteger:
        put_integer(shape, value.number);
        break;
      case ShapeKind::kReal:
        put_real(shape, value.real);
        break;
      case ShapeKind::kText:
        put_text(value.text);
        break;
      case ShapeKind::kBytes:
        put_bytes(shape, value.text);
        break;
      case ShapeKind::kEnum:
        put_text(shape.symbols[static_cast<std::size_t>(value.number)]);
        break;
      case ShapeKind::kArray:
        into_.append("[");
        for (std::size_t i = 0; i < value.parts.size(); ++i) {
          if (i > 0) into_.append(",");
          put(shape.items, value.parts[i]);
        }
        into_.append("]");
        break;
      case ShapeKind::kMap:
        into_.append("{");
        for (std::size_t i = 0; i < value.parts.size(); ++i) {
          put_name(value.keys[i], i == 0);
          put(shape.items, value.parts[i]);
        }
        into_.append("}");
        break;
      case ShapeKind::kRecord:
        put_record(shape, value);
        break;
      case ShapeKind::kUnion:
        put_union(shape, value);
        break;
      case ShapeKind::kPatch:
        put_patch(shape);
        break;
    }
  }

 private:
  void put_text(std::string_view text) {
    std::string quoted;
    append_json_string(quoted, text);
    into_.append(quoted);
  }
  void put_name(std::string_view name, bool first) {
    if (!first) into_.append(",");
    put_text(name);
    into_.append(":");
  }
  void put_integer(const Shape& shape, std::int64_t value) {
    const bool quoted = shape.json == JsonForm::kQuoted;
    const std::string digits = shape.is_unsigned
                                   ? fmt::format("{}", static_cast<std::uint64_t>(value))
                                   : fmt::format("{}", value);
    into_.append(quoted ? '"' + digits + '"' : digits);
  }
  void put_real(const Shape& shape, double value) {
    char text[32];
    const auto end = shape.bits == 32
                         ? std::to_chars(text, text + 32, static_cast<float>(value)).ptr
                         : std::to_chars(text, text + 32, value).ptr;
    into_.append(std::string_view(text, static_cast<std::size_t>(end - text)));
  }
  void put_bytes(const Shape& shape, std::string_view bytes) {
    if (shape.base64) return put_text(base64(bytes));
    std::string text = "\"";
    for (const char c : bytes) {
      const auto byte = static_cast<std::uint8_t>(c);
      if (byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\')
        text += c;
      else
        text += fmt::format("\\u{:04x}", byte);
    }
    into_.append(text + '"');
  }
  void put_record(const Shape& shape, const Value& value) {
    using enum Shape::Known;
    if (shape.known == kTimestamp) {
      into_.append("\"");
      into_.append(Patch{.what = Patch::What::kIsoTime, .form = Patch::Form::kText});
      return into_.append("\"");
    }
    if (shape.known == kDuration)
      return into_.append(fmt::format("\"{}s\"", value.parts.front().number));
    if (shape.known == kWrapper) return put(shape.fields.front().shape, value.parts.front());
    if (shape.as_list) return put_list(shape, value);
    into_.append("{");
    bool first = true;
    for (std::size_t i = 0; i < shape.fields.size(); ++i) {
      if (value.parts[i].absent) continue;
      const Shape::Field& field = shape.fields[i];
      put_name(field.json_name.empty() ? field.name : field.json_name, first);
      first = false;
      put(field.shape, value.parts[i]);
    }
    into_.append("}");
  }
  void put_list(const Shape& shape, const Value& value) {
    into_.append("[");
    for (std::size_t i = 0; i < value.parts.size(); ++i) {
      if (i > 0) into_.append(",");
      put(shape.fields[i].shape, value.parts[i]);
    }
    into_.append("]");
  }
  void put_union(const Shape& shape, const Value& value) {
    const Shape::Ref branch = shape.branches[static_cast<std::size_t>(value.number)];
    const Shape& of = shapes_.at(branch);
    const bool tagged = shape.tagged && of.kind != ShapeKind::kNull;
    if (tagged) {
      into_.append("{");
      put_name(of.name, true);
    }
    put(branch, value.parts.front());
    if (tagged) into_.append("}");
  }
  void put_patch(const Shape& shape) {
    using enum Patch::What;
    Patch patch = shape.patch;
    // What is text, and what is quoted because the schema says so.
    const bool quoted =
        patch.what == kUuid || patch.what == kIsoTime || shape.json == JsonForm::kQuoted;
    patch.form =
        quoted && shape.json != JsonForm::kQuoted ? Patch::Form::kText : Patch::Form::kDecimal;
    patch.width = 0;
    if (quoted) into_.append("\"");
    into_.append(patch);
    if (quoted) into_.append("\"");
  }

  const Shapes& shapes_;
  Image& into_;
};

}  // namespace

void put_json(const Shapes& shapes, const Value& value, Image& into) {
  JsonImage(shapes, into).put(shapes.root, value);
}

}  // namespace ds
