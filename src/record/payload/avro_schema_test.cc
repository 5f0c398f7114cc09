// libavro is the judge: it reads our bytes by the same schema, writes them again just so, and its
// JSON says the same as ours.
#include "record/payload/avro_schema.h"

#include <avro.h>
#include <gtest/gtest.h>

#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/seed_for_test.h"

namespace ds {
namespace {

using Json = nlohmann::json;
constexpr std::int64_t kNow = 1'763'700'123'456;

/// A schema as libavro understands it.
class Oracle {
 public:
  explicit Oracle(const std::string& schema) {
    EXPECT_EQ(avro_schema_from_json_length(schema.data(), schema.size(), &schema_), 0)
        << avro_strerror() << "\n"
        << schema;
    face_ = avro_generic_class_from_schema(schema_);
    EXPECT_EQ(avro_generic_value_new(face_, &value_), 0);
  }
  ~Oracle() {
    avro_value_decref(&value_);
    avro_value_iface_decref(face_);
    avro_schema_decref(schema_);
  }
  Oracle(const Oracle&) = delete;

  /// What it writes after reading the bytes; nothing when it refuses them.
  std::optional<ByteVec> again(ByteView bytes) {
    avro_value_reset(&value_);
    avro_reader_t reader = avro_reader_memory(reinterpret_cast<const char*>(bytes.data()),
                                              static_cast<std::int64_t>(bytes.size()));
    const bool read = avro_value_read(reader, &value_) == 0;
    avro_reader_free(reader);
    if (!read) return std::nullopt;
    ByteVec out(bytes.size() + 64);
    avro_writer_t writer = avro_writer_memory(reinterpret_cast<char*>(out.data()),
                                              static_cast<std::int64_t>(out.size()));
    const bool written = avro_value_write(writer, &value_) == 0;
    out.resize(static_cast<std::size_t>(avro_writer_tell(writer)));
    avro_writer_free(writer);
    if (!written) return std::nullopt;
    return out;
  }
  /// The value read last.
  std::string json() {
    char* text = nullptr;
    if (avro_value_to_json(&value_, 1, &text) != 0) return {};
    std::string result(text);
    std::free(text);  // NOLINT: libavro gives it so
    return result;
  }

 private:
  avro_schema_t schema_ = nullptr;
  avro_value_iface_t* face_ = nullptr;
  avro_value_t value_{};
};

RecordFacts facts_of(std::uint64_t n) {
  return {.seed = 7, .record = n, .stream = 5, .sequence = 100 + n, .timestamp_ms = kNow};
}
ByteVec bytes_of(const Payload& payload, std::uint64_t n) {
  Image image;
  payload.draw(n, image);
  return made_of(image, facts_of(n));
}
std::string json_of(const Payload& payload, std::uint64_t n) {
  Image image;
  payload.draw_readable(n, image);
  return std::string(as_text(made_of(image, facts_of(n))));
}
std::shared_ptr<const Payload> payload_of(const std::string& schema) {
  auto payload = avro_payload(schema, "t.avsc", {}, 7, Encoding::kAvro);
  EXPECT_TRUE(payload.ok()) << payload.error().message << "\n" << schema;
  return payload ? std::move(payload).value() : nullptr;
}

/// libavro's JSON ends a text at its first zero (the bytes are held against each other above).
std::string as_libavro_has_it(std::string text) {
  text.resize(std::min(text.find('\0'), text.size()));
  return text;
}
/// And it calls a union's branch by its name without the namespace.
std::string short_name(const std::string& name) {
  return name.substr(name.rfind('.') + 1);
}

/// Floats are written with other digits by libavro: equal when they are the same number.
bool same(const Json& a, const Json& b) {
  if (a.is_number_float() || b.is_number_float()) {
    if (!a.is_number() || !b.is_number()) return false;
    const double x = a.get<double>(), y = b.get<double>();
    return std::abs(x - y) <= 1e-6 * std::max({1.0, std::abs(x), std::abs(y)});
  }
  if (a.type() != b.type() && !(a.is_number() && b.is_number())) return false;
  if (a.is_array() || a.is_object()) {
    if (a.size() != b.size()) return false;
    for (auto x = a.begin(), y = b.begin(); x != a.end(); ++x, ++y) {
      if (a.is_object() && short_name(x.key()) != y.key()) return false;
      if (!same(*x, *y)) return false;
    }
    return true;
  }
  if (a.is_string()) return as_libavro_has_it(a.get<std::string>()) == b.get<std::string>();
  return a == b;
}

void hold_against_libavro(const std::string& schema, std::uint64_t values) {
  SCOPED_TRACE(schema);
  const auto payload = payload_of(schema);
  ASSERT_TRUE(payload);
  Oracle oracle(schema);
  for (std::uint64_t n = 0; n < values; ++n) {
    const ByteVec ours = bytes_of(*payload, n);
    const auto theirs = oracle.again(ours);
    ASSERT_TRUE(theirs) << n << ": " << avro_strerror();
    ASSERT_EQ(to_hex(*theirs), to_hex(ours)) << n;
    const std::string json = json_of(*payload, n);
    ASSERT_TRUE(Json::accept(json)) << json;
    ASSERT_TRUE(same(Json::parse(json), Json::parse(oracle.json()))) << json << "\n"
                                                                     << oracle.json();
  }
}

TEST(AvroSchema, DrawsValuesThatLibavroReads) {
  const char* const schemas[] = {
      R"("null")",
      R"("boolean")",
      R"("int")",
      R"("long")",
      R"("float")",
      R"("double")",
      R"("string")",
      R"("bytes")",
      R"({"type":"string"})",
      R"({"type":"array","items":"int"})",
      R"({"type":"map","values":["null","long"]})",
      R"({"type":"enum","name":"E","symbols":["A","B","C"]})",
      R"({"type":"fixed","name":"F","size":5})",
      R"(["null","string",{"type":"array","items":"double"},{"type":"enum","name":"E","symbols":["A"]}])",
      R"({"type":"record","name":"R","namespace":"a.b","fields":[
           {"name":"self","type":["null","R"]},{"name":"list","type":{"type":"array","items":"a.b.R"}}]})",
      R"({"type":"record","name":"Tree","fields":[{"name":"kids","type":{"type":"map","values":"Tree"}},
           {"name":"f","type":{"type":"fixed","name":"Id","size":16}},{"name":"g","type":"Id"}]})",
      R"({"type":"record","name":"L","fields":[
           {"name":"d","type":{"type":"int","logicalType":"date"}},
           {"name":"t","type":{"type":"long","logicalType":"timestamp-millis"}},
           {"name":"m","type":{"type":"long","logicalType":"timestamp-micros"}},
           {"name":"u","type":{"type":"string","logicalType":"uuid"}},
           {"name":"p","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}},
           {"name":"q","type":{"type":"fixed","name":"Q","size":8,"logicalType":"decimal","precision":18}},
           {"name":"o","type":{"type":"fixed","name":"O","size":12,"logicalType":"duration"}},
           {"name":"w","type":{"type":"int","logicalType":"time-millis"}}]})",
  };
  for (const char* schema : schemas) hold_against_libavro(schema, 200);
}

/// Schemas of all kinds of types; named ones are used again by their names.
class SchemaMaker {
 public:
  explicit SchemaMaker(Random& random) : random_(random) {}
  Json make(int depth) {
    constexpr const char* kPlain[] = {"boolean", "int",    "long", "float",
                                      "double",  "string", "bytes"};
    const std::uint64_t kind = random_.below(depth > 4 ? 7 : 13);
    if (kind < 7) return kPlain[kind];
    if (kind == 7) return {{"type", "array"}, {"items", make(depth + 1)}};
    if (kind == 8) return {{"type", "map"}, {"values", make(depth + 1)}};
    if (kind == 9) return {{"type", "enum"}, {"name", name()}, {"symbols", {"A", "B", "C_3"}}};
    if (kind == 10) return {{"type", "fixed"}, {"name", name()}, {"size", 1 + random_.below(20)}};
    if (kind == 11) {
      Json branches = Json::array({"null"});
      for (const char* plain : kPlain)
        if (random_.below(3) == 0) branches.push_back(plain);
      if (!records_.empty() && random_.below(2) == 0)
        branches.push_back(records_[random_.below(records_.size())]);
      return branches;
    }
    const std::string named = name();
    records_.push_back(named);
    Json fields = Json::array();
    for (std::uint64_t i = 0, n = random_.below(5); i < n; ++i)
      fields.push_back({{"name", "f" + std::to_string(i)}, {"type", make(depth + 1)}});
    return {{"type", "record"}, {"name", named}, {"fields", fields}};
  }

 private:
  std::string name() { return "N" + std::to_string(++names_); }
  Random& random_;
  int names_ = 0;
  std::vector<std::string> records_;
};

TEST(AvroSchema, DrawsValuesOfAnySchemaThatLibavroReads) {
  const std::uint64_t seed = seed_for_test(1);
  std::cout << "seed " << seed << "\n";
  for (std::uint64_t i = 0; i < 300; ++i) {
    Random random(seed, i << 32);
    hold_against_libavro(SchemaMaker(random).make(0).dump(), 20);
    if (HasFatalFailure()) return;
  }
}

TEST(AvroSchema, DrawsAsTheAnnotationsSay) {
  const auto payload = payload_of(R"({"type":"record","name":"R","fields":[
    {"name":"id","type":{"type":"long","ds":{"role":"sequence","start":1000,"step":2}}},
    {"name":"it","type":{"type":"int","arg.properties":{"iteration":{"start":5}}}},
    {"name":"age","type":{"type":"int","arg.properties":{"range":{"min":18,"max":21}}}},
    {"name":"rank","type":{"type":"int","ds":{"zipf":[1.1,50]}}},
    {"name":"size","type":"double","ds":{"normal":[20,5],"range":[0,100]}},
    {"name":"colour","type":{"type":"string","ds":{"options":["red","green"],"weights":[3,1]}}},
    {"name":"tags","type":{"type":"array","items":"string","ds":{"length":[2,3]}}},
    {"name":"code","type":{"type":"bytes","ds":{"length":4}}},
    {"name":"on","type":{"type":"boolean","arg.properties":{"odds":0}}},
    {"name":"kind","type":{"type":"enum","name":"K","symbols":["A","B"],"ds":{"weights":[0,1]}}},
    {"name":"mail","type":{"type":"string","ds":{"text":"email"}}}]})");
  ASSERT_TRUE(payload);
  int red = 0;
  double sum = 0;
  for (std::uint64_t n = 0; n < 2000; ++n) {
    const Json json = Json::parse(json_of(*payload, n));
    ASSERT_EQ(json["id"], 1000 + 2 * n);
    ASSERT_EQ(json["it"], 5 + n);
    ASSERT_TRUE(json["age"] >= 18 && json["age"] <= 21);
    ASSERT_TRUE(json["rank"] >= 1 && json["rank"] <= 50);
    ASSERT_TRUE(json["size"] >= 0 && json["size"] <= 100);
    sum += json["size"].get<double>();
    red += json["colour"] == "red";
    ASSERT_TRUE(json["tags"].size() == 2 || json["tags"].size() == 3);
    ASSERT_EQ(json["on"], false);
    ASSERT_EQ(json["kind"], "B");
    ASSERT_NE(json["mail"].get<std::string>().find('@'), std::string::npos);
  }
  EXPECT_NEAR(sum / 2000, 20, 0.6);
  EXPECT_NEAR(red, 1500, 120);
}

TEST(AvroSchema, KnowsTypesOfTheSchemasItRefersTo) {
  const NamedText others[] = {
      {"x.Address", "address.avsc",
       R"({"type":"record","name":"Address","namespace":"x","fields":[{"name":"city","type":"string"}]})"}};
  EXPECT_TRUE(
      parse_avro_schema(
          R"({"type":"record","name":"P","namespace":"y","fields":[{"name":"a","type":"x.Address"}]})",
          "p.avsc", others)
          .ok());
}

TEST(AvroSchema, SaysAllThatIsWrongAndWhere) {
  struct Case {
    const char* schema;
    const char* said;
  };
  const Case cases[] = {
      {"{\"type\":\n  int}", "t.avsc:2:3: this is no JSON"},
      {"{\"type\": \"int\",\n \"x\": 1e999}",
       "t.avsc:2:7: this is no JSON: a number that no computer holds"},
      {R"({"type":"integer"})", "t.avsc: type: there is no type 'integer'"},
      {R"({"name":"x"})", R"(t.avsc: there is no "type")"},
      {"3", "t.avsc: 3 is no type"},
      {R"({"type":"record","name":"R"})", R"(t.avsc: a record has a list of "fields")"},
      {R"({"type":"record","name":"9R","fields":[]})", "t.avsc: name: '9R' is no name"},
      {R"({"type":"record","name":"R","fields":[{"name":"a","type":"string"},{"name":"b","type":"strin"},{"name":"a","type":"int"}]})",
       "t.avsc: fields[1].type: there is no type 'strin'\nt.avsc: fields[2]: there is a field 'a' "
       "already"},
      {R"({"type":"record","name":"R","fields":[{"name":"r","type":"R"}]})",
       "t.avsc: R contains itself without an end"},
      {R"(["int","int"])", "t.avsc: [1]: there is a branch 'int' already"},
      {R"(["int",["string"]])", "t.avsc: [1]: a union may not lie directly in another"},
      {R"({"type":"enum","name":"E","symbols":["A","A"]})",
       R"(t.avsc: symbols: "A" is there twice)"},
      {R"({"type":"fixed","name":"F","size":-1})",
       "t.avsc: size: a fixed has a size from 0 to 65536"},
      {R"({"type":"int","ds":{"range":[5,1]}})",
       "t.avsc: ds.range: is two whole numbers of 32 bits, the smaller one first"},
      {R"({"type":"string","ds":{"colour":1}})",
       "t.avsc: ds.colour: is no annotation that is known"},
      {R"({"type":"int","ds":{"options":["a"]}})",
       R"(t.avsc: ds.options: "a" is none of this type's values)"},
  };
  for (const auto& [schema, said] : cases) {
    SCOPED_TRACE(schema);
    const auto shapes = parse_avro_schema(schema, "t.avsc");
    ASSERT_FALSE(shapes.ok());
    EXPECT_EQ(shapes.error().message.substr(0, std::string(said).size()), said);
  }
}

}  // namespace
}  // namespace ds
