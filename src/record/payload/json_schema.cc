#include "record/payload/json_schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "record/payload/annotations.h"
#include "record/payload/json_pattern.h"
#include "record/payload/shaped_payload.h"

namespace ds {
namespace {

constexpr int kDepthMax = 64;
constexpr std::size_t kShapesMax = 20'000;
constexpr std::uint64_t kTextMin = 5, kTextMax = 20, kItemsMax = 5, kLengthMax = 65'536;
constexpr std::size_t kAllOfMax = 1000;
constexpr double kOptionalOdds = 0.7;
constexpr std::int64_t kSpan = 1000;  // of numbers that nobody limits

/// What no draw can promise.
constexpr const char* kRefused[] = {"not",
                                    "if",
                                    "contains",
                                    "propertyNames",
                                    "dependentRequired",
                                    "dependencies",
                                    "minProperties",
                                    "maxProperties",
                                    "dependentSchemas",
                                    "$dynamicRef"};

class JsonSchemaParser {
 public:
  JsonSchemaParser(const Json& root, Complaints& complaints)
      : root_(root), complaints_(complaints) {}

  Shape::Ref parse() { return at_pointer("#", ""); }
  Shapes take() { return std::move(shapes_); }

 private:
  static std::string in(const std::string& path, std::string_view name) {
    return path.empty() ? std::string(name) : fmt::format("{}.{}", path, name);
  }
  Shape::Ref wrong(const std::string& path, std::string_view what) {
    complaints_.add(path, what);
    return shapes_.add({});
  }

  /// What "#/$defs/x" names; made once, so that it may name itself.
  Shape::Ref at_pointer(const std::string& pointer, const std::string& path, int depth = 0) {
    if (const auto known = by_pointer_.find(pointer); known != by_pointer_.end())
      return known->second;
    const Json* named = nullptr;
    try {
      const Json::json_pointer to(pointer.substr(1));
      if (root_.contains(to)) named = &root_.at(to);
    } catch (const Json::exception&) {
      // Not a pointer at all; told below.
    }
    if (named == nullptr) return wrong(path, fmt::format("there is nothing at '{}'", pointer));
    // A way through, whose branch is known when it is made.
    Shape through;
    through.kind = ShapeKind::kUnion;
    const Shape::Ref ref = shapes_.add(std::move(through));
    by_pointer_[pointer] = ref;
    const Shape::Ref made = schema(*named, pointer == "#" ? "" : pointer.substr(2), depth + 1);
    shapes_.at(ref).branches = {made};
    return ref;
  }

  Shape::Ref schema(const Json& of, const std::string& path, int depth) {
    if (depth > kDepthMax)
      return wrong(path, fmt::format("schemas lie more than {} deep", kDepthMax));
    if (shapes_.size() > kShapesMax)
      return wrong(path, fmt::format("there are more than {} schemas", kShapesMax));
    if (of.is_boolean()) {
      if (!of.get<bool>()) return wrong(path, "false allows no value");
      return shapes_.add(words());
    }
    if (!of.is_object()) return wrong(path, "a schema is an object or true");
    for (const char* name : kRefused)
      if (of.contains(name)) complaints_.add(path, fmt::format("'{}' cannot be drawn from", name));
    if (const auto ref = of.find("$ref"); ref != of.end()) return reference(*ref, path, depth);
    if (of.contains("allOf")) return all_of(of, path, depth);
    for (const char* name : {"oneOf", "anyOf"})
      if (of.contains(name)) return one_of(of, name, path, depth);
    if (const auto fixed = of.find("const"); fixed != of.end()) return shapes_.add(literal(*fixed));
    if (of.contains("enum")) return an_enum(of, path);
    return typed(of, path, depth);
  }

  Shape::Ref reference(const Json& ref, const std::string& path, int depth) {
    if (!ref.is_string() || !ref.get<std::string>().starts_with('#'))
      return wrong(in(path, "$ref"), "only what lies in this file can be referred to: \"#/…\"");
    return at_pointer(ref.get<std::string>(), in(path, "$ref"), depth);
  }

  /// The parts' properties and limits together, later ones over earlier ones.
  Shape::Ref all_of(const Json& of, const std::string& path, int depth) {
    const Json& parts = of["allOf"];
    if (!parts.is_array() || parts.empty()) return wrong(in(path, "allOf"), "is a list of schemas");
    // One that contains itself would double with each level.
    if (parts.size() > kAllOfMax)
      return wrong(in(path, "allOf"), "has too many parts, or contains itself");
    Json merged = of;
    merged.erase("allOf");
    for (const Json& part : parts) {
      const Json* each = &part;
      if (part.is_object() && part.contains("$ref") && part["$ref"].is_string()) {
        const auto pointer = part["$ref"].get<std::string>();
        try {
          each =
              pointer.starts_with('#') ? &root_.at(Json::json_pointer(pointer.substr(1))) : nullptr;
        } catch (const Json::exception&) {
          each = nullptr;
        }
        if (each == nullptr)
          return wrong(in(path, "allOf"), fmt::format("there is nothing at '{}'", pointer));
      }
      merge(merged, *each);
    }
    return schema(merged, path, depth + 1);
  }
  static void merge(Json& into, const Json& from) {
    if (!from.is_object()) return;
    for (const auto& [name, value] : from.items()) {
      if (!into.contains(name)) {
        into[name] = value;
      } else if (name == "properties" && into[name].is_object() && value.is_object()) {
        for (const auto& [property, of] : value.items()) into[name][property] = of;
      } else if (name == "required" && into[name].is_array() && value.is_array()) {
        for (const Json& each : value) into[name].push_back(each);
      } else if (name == "allOf" && into[name].is_array() && value.is_array()) {
        for (const Json& each : value) into[name].push_back(each);
      } else {
        into[name] = value;
      }
    }
  }

  Shape::Ref one_of(const Json& of, const char* name, const std::string& path, int depth) {
    const Json& ways = of[name];
    if (!ways.is_array() || ways.empty()) return wrong(in(path, name), "is a list of schemas");
    Json rest = of;
    rest.erase(name);
    Shape shape;
    shape.kind = ShapeKind::kUnion;
    for (std::size_t i = 0; i < ways.size(); ++i) {
      const std::string at = fmt::format("{}[{}]", in(path, name), i);
      Json way = ways[i];
      // What stands beside the list holds for each of its schemas.
      if (way.is_object() && !way.contains("$ref")) {
        Json whole = rest;
        merge(whole, way);
        whole.erase("ds");
        way = std::move(whole);
      }
      shape.branches.push_back(schema(way, at, depth + 1));
    }
    annotate_from(shape, of, path, complaints_);
    return shapes_.add(std::move(shape));
  }

  static Shape literal(const Json& value) {
    Shape shape;
    shape.kind = ShapeKind::kLiteral;
    shape.literal = value.dump(-1, ' ', false, Json::error_handler_t::replace);
    return shape;
  }
  Shape::Ref an_enum(const Json& of, const std::string& path) {
    const Json& values = of["enum"];
    if (!values.is_array() || values.empty()) return wrong(in(path, "enum"), "is a list of values");
    Shape shape;
    shape.kind = ShapeKind::kUnion;
    for (const Json& value : values) shape.branches.push_back(shapes_.add(literal(value)));
    annotate_from(shape, of, path, complaints_);
    return shapes_.add(std::move(shape));
  }

  Shape::Ref typed(const Json& of, const std::string& path, int depth) {
    const auto type = of.find("type");
    if (type == of.end()) return by_name(guess(of), of, path, depth);
    if (type->is_string()) return by_name(type->get<std::string>(), of, path, depth);
    if (!type->is_array() || type->empty())
      return wrong(in(path, "type"), "is a name or a list of names");
    Shape shape;
    shape.kind = ShapeKind::kUnion;
    for (const Json& each : *type) {
      if (!each.is_string()) return wrong(in(path, "type"), "is a name or a list of names");
      shape.branches.push_back(by_name(each.get<std::string>(), of, path, depth));
    }
    return shapes_.add(std::move(shape));
  }
  static std::string guess(const Json& of) {
    constexpr std::pair<const char*, const char*> kTells[] = {
        {"properties", "object"}, {"required", "object"},   {"additionalProperties", "object"},
        {"items", "array"},       {"prefixItems", "array"}, {"minItems", "array"},
        {"minimum", "number"},    {"maximum", "number"},    {"multipleOf", "number"}};
    for (const auto& [keyword, type] : kTells)
      if (of.contains(keyword)) return type;
    return "string";
  }
  Shape::Ref by_name(const std::string& type, const Json& of, const std::string& path, int depth) {
    if (type == "object") return object(of, path, depth);
    if (type == "array") return array(of, path, depth);
    Shape shape;
    if (type == "string")
      shape = text(of, path);
    else if (type == "integer")
      shape = integer(of, path);
    else if (type == "number")
      shape = number(of, path);
    else if (type == "boolean")
      shape.kind = ShapeKind::kBoolean;
    else if (type != "null")
      return wrong(in(path, "type"), fmt::format("there is no type '{}'", type));
    annotate_from(shape, of, path, complaints_);
    return shapes_.add(std::move(shape));
  }

  Shape::Ref object(const Json& of, const std::string& path, int depth) {
    std::set<std::string> required;
    if (const auto names = of.find("required"); names != of.end()) {
      if (!names->is_array()) return wrong(in(path, "required"), "is a list of names");
      for (const Json& name : *names)
        if (name.is_string()) required.insert(name.get<std::string>());
    }
    const auto properties = of.find("properties");
    const auto more = of.find("additionalProperties");
    if (properties == of.end() && more != of.end() && more->is_object()) {
      Shape map;
      map.kind = ShapeKind::kMap;
      map.length_max = kItemsMax;
      map.items = schema(*more, in(path, "additionalProperties"), depth + 1);
      annotate_from(map, of, path, complaints_);
      return shapes_.add(std::move(map));
    }
    Shape shape;
    shape.kind = ShapeKind::kRecord;
    if (properties != of.end()) {
      if (!properties->is_object()) return wrong(in(path, "properties"), "is an object of schemas");
      for (const auto& [name, property] : properties->items()) {
        const std::string at = fmt::format("{}.{}", in(path, "properties"), name);
        Shape::Field field{.name = name};
        const bool optional = required.erase(name) == 0;
        field.odds = optional ? kOptionalOdds : 1;
        // The odds of being there are the field's, the rest is its type's.
        Json rest = property;
        if (optional && property.is_object() && property.contains("ds") &&
            property["ds"].is_object() && property["ds"].contains("odds") &&
            property["ds"]["odds"].is_number()) {
          field.odds = std::clamp(property["ds"]["odds"].get<double>(), 0.0, 1.0);
          rest["ds"].erase("odds");
        }
        field.shape = schema(rest, at, depth + 1);
        shape.fields.push_back(std::move(field));
      }
    }
    for (const std::string& name : required)  // nobody says what they are
      shape.fields.push_back({.name = name, .json_name = {}, .shape = shapes_.add(words())});
    return shapes_.add(std::move(shape));
  }

  Shape::Ref array(const Json& of, const std::string& path, int depth) {
    const auto items = of.find("items");
    const auto prefix = of.contains("prefixItems") ? of.find("prefixItems") : items;
    if (prefix != of.end() && prefix->is_array()) {
      Shape list;
      list.kind = ShapeKind::kRecord;
      list.as_list = true;
      for (std::size_t i = 0; i < prefix->size(); ++i)
        list.fields.push_back(
            {.name = fmt::format("{}", i),
             .json_name = {},
             .shape = schema((*prefix)[i], fmt::format("{}[{}]", in(path, "prefixItems"), i),
                             depth + 1)});
      return shapes_.add(std::move(list));
    }
    Shape shape;
    shape.kind = ShapeKind::kArray;
    lengths(of, "minItems", "maxItems", 0, kItemsMax, path, shape);
    shape.unique = of.contains("uniqueItems") && of["uniqueItems"] == true;
    shape.items =
        items == of.end() ? shapes_.add(words()) : schema(*items, in(path, "items"), depth + 1);
    annotate_from(shape, of, path, complaints_);
    return shapes_.add(std::move(shape));
  }

  static Shape words() {
    Shape shape;
    shape.kind = ShapeKind::kText;
    shape.length_min = kTextMin;
    shape.length_max = kTextMax;
    return shape;
  }
  void lengths(const Json& of, const char* least, const char* most, std::uint64_t usual_least,
               std::uint64_t usual_most, const std::string& path, Shape& shape) {
    const auto take = [&](const char* name, std::uint64_t otherwise) {
      const auto found = of.find(name);
      if (found == of.end()) return otherwise;
      if (found->is_number() && found->get<double>() >= 0 &&
          found->get<double>() == std::floor(found->get<double>()))
        return static_cast<std::uint64_t>(std::min(found->get<double>(), 1e9));
      complaints_.add(in(path, name), "is a count");
      return otherwise;
    };
    shape.length_min = take(
        least, of.contains(most) ? std::min(usual_least, take(most, usual_least)) : usual_least);
    shape.length_max = std::min(take(most, std::max(shape.length_min, usual_most)),
                                std::max(shape.length_min, usual_most));
    if (take(most, kLengthMax) < shape.length_min)
      complaints_.add(path, fmt::format("{} is above {}", least, most));
    else if (shape.length_min > kLengthMax)
      complaints_.add(in(path, least),
                      fmt::format("values of more than {} are not made", kLengthMax));
    shape.length_min = std::min(shape.length_min, kLengthMax);
    shape.length_max = std::clamp(shape.length_max, shape.length_min, kLengthMax);
  }
  Shape text(const Json& of, const std::string& path) {
    constexpr std::pair<const char*, TextForm> kFormats[] = {
        {"date-time", TextForm::kDateTime}, {"date", TextForm::kDate},
        {"time", TextForm::kTime},          {"email", TextForm::kEmail},
        {"hostname", TextForm::kHostname},  {"ipv4", TextForm::kIpv4},
        {"ipv6", TextForm::kIpv6},          {"uri", TextForm::kUri}};
    Shape shape = words();
    lengths(of, "minLength", "maxLength", kTextMin, kTextMax, path, shape);
    if (const auto format = of.find("format"); format != of.end() && format->is_string()) {
      const auto name = format->get<std::string>();
      if (name == "uuid") {
        shape.kind = ShapeKind::kPatch;
        shape.patch = {.what = Patch::What::kUuid, .salt = ++uuids_};
        return shape;
      }
      for (const auto& [known, form] : kFormats)
        if (name == known) shape.text = form;
    }
    if (const auto pattern = of.find("pattern"); pattern != of.end() && pattern->is_string()) {
      auto parsed = parse_pattern(pattern->get<std::string>());
      if (!parsed) {
        complaints_.add(in(path, "pattern"), parsed.error().message);
        return shape;
      }
      shape.text = TextForm::kPattern;
      shape.pattern = std::move(*parsed);
      if (!of.contains("minLength")) shape.length_min = 0;
      if (!of.contains("maxLength")) shape.length_max = kLengthMax;
    }
    return shape;
  }

  std::optional<double> limit(const Json& of, const char* name, const std::string& path) {
    const auto found = of.find(name);
    if (found == of.end() || found->is_boolean()) return std::nullopt;
    if (found->is_number() && std::isfinite(found->get<double>())) return found->get<double>();
    complaints_.add(in(path, name), "is a number");
    return std::nullopt;
  }
  Shape integer(const Json& of, const std::string& path) {
    Shape shape;
    shape.kind = ShapeKind::kInteger;
    shape.ranged = true;
    constexpr double kMost = 9e15;  // what every reader of JSON takes
    const auto clamp = [&](double x) {
      return static_cast<std::int64_t>(std::clamp(x, -kMost, kMost));
    };
    auto min = limit(of, "minimum", path), max = limit(of, "maximum", path);
    if (const auto above = limit(of, "exclusiveMinimum", path))
      min = std::max(min.value_or(-kMost), std::floor(*above) + 1);
    if (const auto below = limit(of, "exclusiveMaximum", path))
      max = std::min(max.value_or(kMost), std::ceil(*below) - 1);
    const double step = limit(of, "multipleOf", path).value_or(1);
    const double span = static_cast<double>(kSpan) * std::max(1.0, step);
    shape.min = clamp(std::ceil(min.value_or(max ? *max - span : -span)));
    shape.max = clamp(std::floor(max.value_or(min ? *min + span : span)));
    if (step < 1 || step != std::floor(step) || step > kMost)
      complaints_.add(in(path, "multipleOf"), "is a whole number above 0");
    else
      shape.multiple_of = static_cast<std::int64_t>(step);
    const std::int64_t first =
        static_cast<std::int64_t>(
            std::ceil(static_cast<double>(shape.min) / static_cast<double>(shape.multiple_of))) *
        shape.multiple_of;
    if (shape.min > shape.max || first > shape.max) {
      complaints_.add(path, "no whole number lies within its limits");
      shape.min = shape.max = 0;
      shape.multiple_of = 1;
    }
    return shape;
  }
  Shape number(const Json& of, const std::string& path) {
    Shape shape;
    shape.kind = ShapeKind::kReal;
    auto min = limit(of, "minimum", path), max = limit(of, "maximum", path);
    const auto above = limit(of, "exclusiveMinimum", path),
               below = limit(of, "exclusiveMaximum", path);
    if (above) min = std::max(min.value_or(*above), std::nextafter(*above, *above + 1));
    if (below) max = std::min(max.value_or(*below), std::nextafter(*below, *below - 1));
    shape.real_step = limit(of, "multipleOf", path).value_or(0);
    const double span = static_cast<double>(kSpan) * std::max(1.0, shape.real_step);
    shape.real_min = min.value_or(max ? *max - span : -span);
    shape.real_max = max.value_or(min ? *min + span : span);
    if (shape.real_step < 0) complaints_.add(in(path, "multipleOf"), "is above 0");
    if (!(shape.real_min <= shape.real_max)) {
      complaints_.add(path, "no number lies within its limits");
      shape.real_min = shape.real_max = 0;
    }
    return shape;
  }

  const Json& root_;
  Complaints& complaints_;
  Shapes shapes_;
  std::map<std::string, Shape::Ref> by_pointer_;
  std::uint64_t uuids_ = 0;
};

void put_value(const Shapes& shapes, const Value& value, Encoding, Image& into) {
  put_json(shapes, value, into);
}

}  // namespace

Result<Shapes> parse_json_schema(std::string_view text, std::string_view name) {
  const auto json = parse_json(text, name);
  if (!json) return json.error();
  Complaints complaints;
  JsonSchemaParser parser(*json, complaints);
  const Shape::Ref root = parser.parse();
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

Result<std::shared_ptr<const Payload>> json_schema_payload(std::string_view text,
                                                           std::string_view name,
                                                           std::uint64_t seed) {
  auto shapes = parse_json_schema(text, name);
  if (!shapes) return std::move(shapes).error();
  const auto json = parse_json(text, name);
  if (!json) return json.error();
  return std::shared_ptr<const Payload>(
      std::make_shared<ShapedPayload>(std::move(shapes).value(), seed, Encoding::kJson, put_value,
                                      SchemaText{.type = "JSON", .text = json->dump()}));
}

}  // namespace ds
