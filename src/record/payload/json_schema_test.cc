// That values fit their schema is judged by Python's jsonschema in tests/interop/payloads_test.py;
// here is what can be said without it.
#include "record/payload/json_schema.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <regex>
#include <set>

namespace ds {
namespace {

using Json = nlohmann::json;

Json value_of(const Payload& payload, std::uint64_t n) {
  Image image;
  payload.draw(n, image);
  const ByteVec made = made_of(image, {.seed = 7, .record = n, .timestamp_ms = 1'763'700'123'456});
  EXPECT_TRUE(Json::accept(as_text(made))) << as_text(made);
  return Json::parse(as_text(made), nullptr, false);
}

TEST(JsonSchema, DrawsWithinWhatTheKeywordsAllow) {
  const auto payload = json_schema_payload(R"({
    "type": "object", "required": ["age", "code", "kind", "pair", "tree", "none", "price"],
    "properties": {
      "age": {"type": "integer", "minimum": 18, "exclusiveMaximum": 21},
      "even": {"type": "integer", "minimum": -7, "maximum": 7, "multipleOf": 4},
      "price": {"type": "number", "exclusiveMinimum": 0, "maximum": 1, "multipleOf": 0.25},
      "code": {"type": "string", "pattern": "^[A-Z]{2}-\\d{3,4}(x|yz)?$"},
      "kind": {"enum": ["a", 2, null, {"deep": true}]},
      "one": {"const": 7},
      "name": {"type": "string", "minLength": 2, "maxLength": 3},
      "tags": {"type": "array", "items": {"enum": [1, 2, 3]}, "uniqueItems": true, "minItems": 1, "maxItems": 3},
      "pair": {"type": "array", "prefixItems": [{"type": "boolean"}, {"type": "null"}]},
      "way": {"oneOf": [{"type": "string"}, {"type": "integer"}]},
      "both": {"allOf": [{"$ref": "#/$defs/a"}, {"properties": {"y": {"const": 2}}, "required": ["y"]}]},
      "more": {"type": "object", "additionalProperties": {"type": "boolean"}},
      "none": {"type": ["null", "boolean"]},
      "id": {"type": "string", "format": "uuid"},
      "tree": {"$ref": "#/$defs/tree"}},
    "$defs": {
      "a": {"type": "object", "properties": {"x": {"const": 1}}, "required": ["x"]},
      "tree": {"type": "object", "required": ["kids"],
               "properties": {"kids": {"type": "array", "items": {"$ref": "#/$defs/tree"}}}}}})",
                                           "t.json", 7);
  ASSERT_TRUE(payload.ok()) << payload.error().message;
  std::set<std::string> kinds, seen;
  for (std::uint64_t n = 0; n < 1000; ++n) {
    const Json json = value_of(**payload, n);
    SCOPED_TRACE(json.dump());
    for (const auto& [name, value] : json.items()) seen.insert(name);
    EXPECT_TRUE(json["age"] >= 18 && json["age"] < 21);
    const double price = json["price"].get<double>();
    EXPECT_TRUE(price > 0 && price <= 1 && price * 4 == static_cast<int>(price * 4));
    EXPECT_TRUE(std::regex_match(json["code"].get<std::string>(),
                                 std::regex("^[A-Z]{2}-\\d{3,4}(x|yz)?$")));
    kinds.insert(json["kind"].dump());
    EXPECT_TRUE(json["pair"].size() == 2 && json["pair"][0].is_boolean() &&
                json["pair"][1].is_null());
    EXPECT_TRUE(json["tree"]["kids"].is_array());
    EXPECT_TRUE(json["none"].is_null() || json["none"].is_boolean());
    if (json.contains("even")) {
      EXPECT_TRUE(json["even"].get<int>() % 4 == 0 && std::abs(json["even"].get<int>()) <= 4);
    }
    if (json.contains("one")) {
      EXPECT_EQ(json["one"], 7);
    }
    if (json.contains("name")) {
      EXPECT_TRUE(json["name"].get<std::string>().size() == 2 ||
                  json["name"].get<std::string>().size() == 3);
    }
    if (json.contains("tags")) {
      const auto tags = json["tags"].get<std::vector<int>>();
      EXPECT_TRUE(!tags.empty() && std::set<int>(tags.begin(), tags.end()).size() == tags.size());
    }
    if (json.contains("way")) {
      EXPECT_TRUE(json["way"].is_string() || json["way"].is_number_integer());
    }
    if (json.contains("both")) {
      EXPECT_EQ(json["both"], (Json{{"x", 1}, {"y", 2}}));
    }
    if (json.contains("id")) {
      EXPECT_EQ(json["id"].get<std::string>().size(), 36u);
    }
    if (json.contains("more")) {
      for (const auto& [key, value] : json["more"].items()) EXPECT_TRUE(value.is_boolean());
    }
  }
  EXPECT_EQ(kinds.size(), 4u);
  EXPECT_EQ(seen.size(), 15u) << "optional ones are there now and then";
}

TEST(JsonSchema, SaysAllThatIsWrongAndWhere) {
  struct Case {
    const char* schema;
    const char* said;
  };
  const Case cases[] = {
      {"{\n  \"type\": }", "t.json:2:11: this is no JSON"},
      {"[]", "t.json: a schema is an object or true"},
      {R"x({"type":"strin"})x", "t.json: type: there is no type 'strin'"},
      {R"x({"properties":{"a":{"type":"integer","minimum":5,"maximum":1},"b":{"pattern":"(?=x)"}}})x",
       "t.json: properties.a: no whole number lies within its limits\n"
       "t.json: properties.b.pattern: "},
      {R"x({"not":{}})x", "t.json: 'not' cannot be drawn from"},
      {R"x({"$ref":"#/$defs/x"})x", "t.json: $ref: there is nothing at '#/$defs/x'"},
      {R"x({"$ref":"other.json"})x", "t.json: $ref: only what lies in this file"},
      {R"x({"$ref":"#"})x", "t.json: the schema contains itself without an end"},
      {R"x({"allOf":[{"$ref":"#"},{"$ref":"#"}]})x", "t.json: allOf: has too many parts"},
      {R"x({"type":"string","minLength":5,"maxLength":2})x",
       "t.json: minLength is above maxLength"},
      {"false", "t.json: false allows no value"},
  };
  for (const auto& [schema, said] : cases) {
    SCOPED_TRACE(schema);
    const auto shapes = parse_json_schema(schema, "t.json");
    ASSERT_FALSE(shapes.ok());
    EXPECT_EQ(shapes.error().message.substr(0, std::string(said).size()), said);
  }
}

}  // namespace
}  // namespace ds
