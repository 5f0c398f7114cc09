#include "record/payload/avro_schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "record/payload/annotations.h"
#include "record/payload/shaped_payload.h"

namespace ds {
namespace {

constexpr int kDepthMax = 64;
constexpr std::size_t kShapesMax = 20'000;
constexpr std::uint64_t kFixedMax = 65'536;
constexpr std::uint64_t kTextMin = 5, kTextMax = 20, kBytesMax = 16, kItemsMax = 5;

bool is_name(std::string_view text) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  if (text.empty() || !letter(text.front())) return false;
  return std::ranges::all_of(text, [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}
/// Names with dots between them.
bool is_full_name(std::string_view text) {
  for (;;) {
    const std::size_t dot = std::min(text.find('.'), text.size());
    if (!is_name(text.substr(0, dot))) return false;
    if (dot == text.size()) return true;
    text.remove_prefix(dot + 1);
  }
}

class AvroParser {
 public:
  explicit AvroParser(Complaints& complaints) : complaints_(complaints) {}

  Shape::Ref parse(const Json& schema) { return type(schema, "", "", 0); }
  Shapes take() { return std::move(shapes_); }

 private:
  Shape::Ref wrong(const std::string& path, std::string_view what) {
    complaints_.add(path, what);
    return shapes_.size() > 0 ? 0 : shapes_.add({});
  }
  static std::string in(const std::string& path, std::string_view name) {
    return path.empty() ? std::string(name) : fmt::format("{}.{}", path, name);
  }
  static std::string shown(const Json& value) {
    std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
    return text.size() > 60 ? text.substr(0, 57) + "..." : text;
  }

  /// `space`: the namespace that names without dots lie in.
  Shape::Ref type(const Json& schema, const std::string& path, const std::string& space,
                  int depth) {
    if (depth > kDepthMax)
      return wrong(path, fmt::format("types lie more than {} deep", kDepthMax));
    if (shapes_.size() > kShapesMax)
      return wrong(path, fmt::format("the schema has more than {} types", kShapesMax));
    if (schema.is_string()) return by_name(schema.get<std::string>(), path, space);
    if (schema.is_array()) return a_union(schema, path, space, depth);
    if (!schema.is_object()) return wrong(path, fmt::format("{} is no type", shown(schema)));
    const auto named = schema.find("type");
    if (named == schema.end()) return wrong(path, "there is no \"type\"");
    if (!named->is_string()) {
      // {"type": {"type": …}}: attributes may stand on either side.
      const Shape::Ref ref = type(*named, in(path, "type"), space, depth + 1);
      if (complaints_.empty() && has_annotations(schema)) {
        Shape copy = shapes_.at(ref);
        annotate_from(copy, schema, path, complaints_);
        return shapes_.add(std::move(copy));
      }
      return ref;
    }
    const auto name = named->get<std::string>();
    if (name == "record" || name == "error") return record(schema, path, space, depth);
    if (name == "enum") return an_enum(schema, path, space);
    if (name == "fixed") return fixed(schema, path, space);
    if (name == "array" || name == "map") return collection(schema, name, path, space, depth);
    auto shape = primitive(name);
    if (!shape) {
      const Shape::Ref ref = by_name(name, in(path, "type"), space);
      return ref;
    }
    logical(*shape, schema, path);
    annotate_from(*shape, schema, path, complaints_);
    return shapes_.add(std::move(*shape));
  }
  static bool has_annotations(const Json& object) {
    return object.contains("ds") || object.contains("arg.properties");
  }

  Shape::Ref by_name(const std::string& name, const std::string& path, const std::string& space) {
    if (auto shape = primitive(name)) return shapes_.add(std::move(*shape));
    const std::string full =
        name.find('.') == std::string::npos && !space.empty() ? space + "." + name : name;
    for (const std::string& each : {full, name})
      if (const auto found = named_.find(each); found != named_.end()) return found->second;
    return wrong(path, fmt::format("there is no type '{}'", name));
  }

  static std::optional<Shape> primitive(std::string_view name) {
    Shape shape;
    shape.name = std::string(name);
    if (name == "null") return shape;
    if (name == "boolean")
      shape.kind = ShapeKind::kBoolean;
    else if (name == "int")
      shape.kind = ShapeKind::kInteger, shape.bits = 32;
    else if (name == "long")
      shape.kind = ShapeKind::kInteger;
    else if (name == "float")
      shape.kind = ShapeKind::kReal, shape.bits = 32;
    else if (name == "double")
      shape.kind = ShapeKind::kReal;
    else if (name == "string")
      shape.kind = ShapeKind::kText, shape.length_min = kTextMin, shape.length_max = kTextMax;
    else if (name == "bytes")
      shape.kind = ShapeKind::kBytes, shape.length_max = kBytesMax;
    else
      return std::nullopt;
    return shape;
  }

  /// A logical type that does not fit its type is no error: Avro says to ignore it.
  void logical(Shape& shape, const Json& schema, const std::string& path) {
    const auto found = schema.find("logicalType");
    if (found == schema.end() || !found->is_string()) return;
    const auto name = found->get<std::string>();
    const bool drawn = schema.contains("arg.properties") ||
                       (schema.contains("ds") && schema["ds"].is_object() &&
                        (schema["ds"].contains("range") || schema["ds"].contains("normal") ||
                         schema["ds"].contains("options") || schema["ds"].contains("role")));
    const auto ranged = [&](std::int64_t min, std::int64_t max) {
      shape.min = min;
      shape.max = max;
      shape.ranged = true;
    };
    const auto patched = [&](Patch::What what) {
      if (drawn) return;
      shape.kind = ShapeKind::kPatch;
      shape.patch = {.what = what, .salt = ++uuids_};
    };
    const bool is_long = shape.kind == ShapeKind::kInteger && shape.bits == 64;
    const bool is_int = shape.kind == ShapeKind::kInteger && shape.bits == 32;
    if (is_int && name == "date")
      ranged(10'957, 23'741);  // 2000 to 2034
    else if (is_int && name == "time-millis")
      ranged(0, 86'399'999);
    else if (is_long && name == "time-micros")
      ranged(0, 86'399'999'999);
    else if (is_long && name.ends_with("timestamp-millis"))
      patched(Patch::What::kMillis);
    else if (is_long && name.ends_with("timestamp-micros"))
      patched(Patch::What::kMicros);
    else if (is_long && name.ends_with("timestamp-nanos"))
      patched(Patch::What::kNanos);
    else if (name == "uuid" && shape.kind == ShapeKind::kText)
      patched(Patch::What::kUuid);
    else if (name == "decimal" && shape.kind == ShapeKind::kBytes)
      decimal(shape, schema, path);
  }
  void decimal(Shape& shape, const Json& schema, const std::string& path) {
    const auto whole = [&](const char* name, std::int64_t otherwise) {
      const auto found = schema.find(name);
      return found == schema.end()        ? otherwise
             : found->is_number_integer() ? found->get<std::int64_t>()
                                          : std::int64_t{-1};
    };
    const std::int64_t precision = whole("precision", 0), scale = whole("scale", 0);
    if (precision < 1 || precision > 1'000'000 || scale < 0 || scale > precision) {
      complaints_.add(path, "a decimal has a precision above 0, and a scale from 0 to it");
      return;
    }
    int digits = static_cast<int>(std::min<std::int64_t>(precision, 18));
    // A fixed one must hold its digits.
    if (shape.fixed)
      digits = std::min(digits,
                        static_cast<int>(static_cast<double>(8 * shape.length_min - 1) * 0.30103));
    shape.decimal_digits = std::max(digits, 0);
  }

  std::string full_name(const Json& schema, const std::string& path, std::string& space) {
    const auto text = [&](const char* key) {
      const auto found = schema.find(key);
      return found != schema.end() && found->is_string() ? found->get<std::string>()
                                                         : std::string();
    };
    const std::string name = text("name");
    if (!is_full_name(name)) {
      complaints_.add(in(path, "name"), name.empty() ? std::string("a named type has a name")
                                                     : fmt::format("'{}' is no name", name));
      return {};
    }
    if (const std::size_t dot = name.rfind('.'); dot != std::string::npos) {
      space = name.substr(0, dot);
      return name;
    }
    if (schema.contains("namespace")) {
      space = text("namespace");
      if (!space.empty() && !is_full_name(space)) {
        complaints_.add(in(path, "namespace"), fmt::format("'{}' is no namespace", space));
        return {};
      }
    }
    return space.empty() ? name : space + "." + name;
  }
  /// Makes room for a named type, so that it may name itself; nothing when the name is wrong.
  std::optional<Shape::Ref> declare(const Json& schema, const std::string& path,
                                    std::string& space) {
    const std::string name = full_name(schema, path, space);
    if (name.empty()) return std::nullopt;
    if (primitive(name) || !named_.emplace(name, shapes_.size()).second) {
      complaints_.add(path, fmt::format("there is a type '{}' already", name));
      return std::nullopt;
    }
    Shape shape;
    shape.name = name;
    return shapes_.add(std::move(shape));
  }

  Shape::Ref record(const Json& schema, const std::string& path, std::string space, int depth) {
    const auto ref = declare(schema, path, space);
    if (!ref) return wrong_already();
    const auto fields = schema.find("fields");
    if (fields == schema.end() || !fields->is_array())
      return wrong(path, "a record has a list of \"fields\"");
    std::vector<Shape::Field> made;
    std::set<std::string> names;
    for (std::size_t i = 0; i < fields->size(); ++i) {
      const Json& field = (*fields)[i];
      const std::string at = in(path, fmt::format("fields[{}]", i));
      if (!field.is_object()) {
        complaints_.add(at, "a field is an object with a name and a type");
        continue;
      }
      const auto name = field.find("name"), kind = field.find("type");
      if (name == field.end() || !name->is_string() || !is_name(name->get<std::string>())) {
        complaints_.add(at, "this field has no name that Avro allows");
        continue;
      }
      if (!names.insert(name->get<std::string>()).second)
        complaints_.add(at, fmt::format("there is a field '{}' already", name->get<std::string>()));
      if (kind == field.end()) {
        complaints_.add(fmt::format("{} ({})", at, name->get<std::string>()),
                        "this field has no type");
        continue;
      }
      Shape::Field of{.name = name->get<std::string>()};
      of.shape = type(*kind, in(at, "type"), space, depth + 1);
      if (has_annotations(field) && complaints_.empty()) {
        Shape copy = shapes_.at(of.shape);
        annotate_from(copy, field, at, complaints_);
        of.shape = shapes_.add(std::move(copy));
      }
      made.push_back(std::move(of));
    }
    Shape& shape = shapes_.at(*ref);
    shape.kind = ShapeKind::kRecord;
    shape.fields = std::move(made);
    return *ref;
  }
  Shape::Ref wrong_already() { return shapes_.size() > 0 ? 0 : shapes_.add({}); }

  Shape::Ref an_enum(const Json& schema, const std::string& path, std::string space) {
    const auto ref = declare(schema, path, space);
    if (!ref) return wrong_already();
    const auto symbols = schema.find("symbols");
    if (symbols == schema.end() || !symbols->is_array() || symbols->empty())
      return wrong(path, "an enum has a list of \"symbols\"");
    std::set<std::string> seen;
    Shape& shape = shapes_.at(*ref);
    shape.kind = ShapeKind::kEnum;
    for (const Json& symbol : *symbols) {
      if (!symbol.is_string() || !is_name(symbol.get<std::string>()))
        return wrong(in(path, "symbols"), fmt::format("{} is no symbol", shown(symbol)));
      if (!seen.insert(symbol.get<std::string>()).second)
        return wrong(in(path, "symbols"), fmt::format("{} is there twice", shown(symbol)));
      shape.symbols.push_back(symbol.get<std::string>());
    }
    annotate_from(shape, schema, path, complaints_);
    return *ref;
  }
  Shape::Ref fixed(const Json& schema, const std::string& path, std::string space) {
    const auto ref = declare(schema, path, space);
    if (!ref) return wrong_already();
    const auto size = schema.find("size");
    if (size == schema.end() || !size->is_number_integer() || size->get<std::int64_t>() < 0 ||
        size->get<std::int64_t>() > static_cast<std::int64_t>(kFixedMax))
      return wrong(in(path, "size"), fmt::format("a fixed has a size from 0 to {}", kFixedMax));
    Shape& shape = shapes_.at(*ref);
    shape.kind = ShapeKind::kBytes;
    shape.fixed = true;
    shape.length_min = shape.length_max = size->get<std::uint64_t>();
    logical(shape, schema, path);
    annotate_from(shape, schema, path, complaints_);
    return *ref;
  }
  Shape::Ref collection(const Json& schema, const std::string& name, const std::string& path,
                        const std::string& space, int depth) {
    const char* const key = name == "array" ? "items" : "values";
    const auto of = schema.find(key);
    if (of == schema.end()) return wrong(path, fmt::format("this {} has no \"{}\"", name, key));
    Shape shape;
    shape.name = name;
    shape.kind = name == "array" ? ShapeKind::kArray : ShapeKind::kMap;
    shape.length_max = kItemsMax;
    shape.items = type(*of, in(path, key), space, depth + 1);
    annotate_from(shape, schema, path, complaints_);
    return shapes_.add(std::move(shape));
  }
  Shape::Ref a_union(const Json& schema, const std::string& path, const std::string& space,
                     int depth) {
    Shape shape;
    shape.kind = ShapeKind::kUnion;
    shape.name = "union";
    shape.tagged = true;
    std::set<std::string> seen;
    for (std::size_t i = 0; i < schema.size(); ++i) {
      const std::string at = fmt::format("{}[{}]", path, i);
      if (schema[i].is_array()) return wrong(at, "a union may not lie directly in another");
      const Shape::Ref branch = type(schema[i], at, space, depth + 1);
      if (!complaints_.empty()) return branch;
      if (!seen.insert(shapes_.at(branch).name).second)
        return wrong(at, fmt::format("there is a branch '{}' already", shapes_.at(branch).name));
      shape.branches.push_back(branch);
    }
    if (shape.branches.empty()) return wrong(path, "a union has branches");
    return shapes_.add(std::move(shape));
  }

  Complaints& complaints_;
  Shapes shapes_;
  std::map<std::string, Shape::Ref> named_;
  std::uint64_t uuids_ = 0;
};

void put_value(const Shapes& shapes, const Value& value, Encoding encoding, Image& into) {
  encoding == Encoding::kJson ? put_json(shapes, value, into) : put_avro(shapes, value, into);
}

}  // namespace

Result<Shapes> parse_avro_schema(std::string_view text, std::string_view name,
                                 std::span<const NamedText> others) {
  Complaints complaints;
  AvroParser parser(complaints);
  for (const NamedText& other : others) {
    const auto json = parse_json(other.text, other.file);
    if (!json) return json.error();
    parser.parse(*json);
    if (!complaints.empty()) return complaints.error(other.file);
  }
  const auto json = parse_json(text, name);
  if (!json) return json.error();
  const Shape::Ref root = parser.parse(*json);
  if (!complaints.empty()) return complaints.error(name);
  Shapes shapes = parser.take();
  shapes.root = root;
  if (auto finished = shapes.finish(); !finished) {
    Error error = std::move(finished).error();
    error.message = fmt::format("{}: {}", name, error.message);
    return error;
  }
  return shapes;
}

Result<std::shared_ptr<const Payload>> avro_payload(std::string_view text, std::string_view name,
                                                    std::span<const NamedText> others,
                                                    std::uint64_t seed, Encoding encoding) {
  auto shapes = parse_avro_schema(text, name, others);
  if (!shapes) return std::move(shapes).error();
  const auto json = parse_json(text, name);
  if (!json) return json.error();
  // In one line, as people compare it; attributes that Avro does not know are kept.
  SchemaText schema{.type = "AVRO", .text = json->dump()};
  std::vector<std::string> before;  // each may refer to those named before it
  for (const NamedText& other : others) {
    schema.references.push_back({other.type, other.text, before});
    before.push_back(other.type);
  }
  return std::shared_ptr<const Payload>(std::make_shared<ShapedPayload>(
      std::move(shapes).value(), seed, encoding, put_value, std::move(schema)));
}

}  // namespace ds
