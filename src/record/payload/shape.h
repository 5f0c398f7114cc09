// What values look like, whoever says so: an Avro schema, a JSON Schema and a Protobuf message all
// become shapes, random values are drawn by them, and encoders write what was drawn.
//
//   avsc ──┐                      ┌── Avro
//   json ──┼─▶ Shapes ─▶ Value ───┼── JSON
//   proto ─┘        draw          └── Protobuf
//
// Shapes lie in one vector and name each other by number, so that they may contain themselves.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "record/payload/image.h"
#include "record/zipf.h"

namespace ds {

/// A drawn value. Which alternative holds is the shape's to say.
struct Value {
  bool absent = false;      // a field that is left out
  std::int64_t number = 0;  // integers, booleans, an enum's symbol, a union's branch
  double real = 0;
  std::string text;               // texts, bytes; in `custom` shapes a piece of JSON
  std::vector<Value> parts;       // an array's, a record's fields, a union's one, a map's values
  std::vector<std::string> keys;  // a map's
  bool operator==(const Value&) const = default;
};

enum class ShapeKind {
  kNull,
  kBoolean,
  kInteger,
  kReal,
  kText,
  kBytes,
  kEnum,
  kArray,
  kMap,
  kRecord,
  kUnion,
  kPatch,    // written when the record is made
  kLiteral,  // a piece of JSON, always the same (JSON Schema's const and enum)
};

/// How Protobuf writes a number.
enum class Wire : std::uint8_t { kVarint, kZigzag, kFixed32, kFixed64 };
/// How JSON writes it.
enum class JsonForm : std::uint8_t { kPlain, kQuoted };
/// Texts that are not just words.
enum class TextForm : std::uint8_t {
  kWords,
  kUuid,
  kDateTime,
  kDate,
  kTime,
  kEmail,
  kHostname,
  kIpv4,
  kIpv6,
  kUri,
  kPattern,
};

struct Pattern;  // json_pattern.h

struct Shape {
  using Ref = std::uint32_t;

  struct Field {
    std::string name;
    std::string json_name;  // empty: the same
    Ref shape = 0;
    double odds = 1;            // of being there
    std::int32_t number = 0;    // Protobuf's
    std::int32_t one_of = -1;   // of the fields with the same number one is there
    bool skip_default = false;  // Protobuf's implicit presence: 0 and "" are not written
    bool packed = false;
  };

  ShapeKind kind = ShapeKind::kNull;
  std::string name;  // full, where the schema names it; a union's branch is called by it
  // Numbers: uniform in [min, max], unless one of the others is said.
  int bits = 64;  // of integers and reals
  std::int64_t min = std::numeric_limits<std::int64_t>::min();
  std::int64_t max = std::numeric_limits<std::int64_t>::max();
  bool ranged = false;  // else small and large ones alike
  std::int64_t multiple_of = 1;
  double real_min = -1000, real_max = 1000;
  double real_step = 0;  // JSON Schema's multipleOf; 0: none
  std::optional<std::pair<double, double>> normal;
  std::optional<Zipf> zipf;
  bool is_unsigned = false;
  Wire wire = Wire::kVarint;
  JsonForm json = JsonForm::kPlain;
  // Texts, bytes, arrays and maps: how long.
  std::uint64_t length_min = 0, length_max = 0;
  bool fixed = false;      // bytes without a length of their own
  bool base64 = false;     // bytes in JSON; else a character a byte
  int decimal_digits = 0;  // bytes that are a number of so many digits
  bool unique = false;     // an array's items
  TextForm text = TextForm::kWords;
  std::shared_ptr<const Pattern> pattern;
  std::vector<Value> options;         // one of them, instead of all above
  std::vector<double> weights;        // of options, symbols or branches; empty: alike
  std::vector<std::string> symbols;   // an enum's
  std::vector<std::int32_t> numbers;  // Protobuf's, of the symbols
  std::vector<Field> fields;
  bool as_list = false;  // JSON writes the fields without their names: [1,"a"]
  std::vector<Ref> branches;
  bool tagged = false;  // a union that JSON names the branch of
  // A Protobuf map keeps its key's shape as its only branch.
  Ref items = 0;
  Patch patch;
  enum class Known : std::uint8_t { kNone, kTimestamp, kDuration, kWrapper } known = Known::kNone;
  std::string literal;
  double true_odds = 0.5;
};

class Shapes {
 public:
  /// Values deeper than this take the shortest way out of a recursion.
  static constexpr int kDepth = 6;
  /// What a value may have of parts before its arrays end and its optional fields stay away.
  static constexpr std::size_t kPartsWanted = 2000;

  Shape::Ref add(Shape shape) {
    shapes_.push_back(std::move(shape));
    return static_cast<Shape::Ref>(shapes_.size() - 1);
  }
  Shape& at(Shape::Ref ref) { return shapes_[ref]; }
  const Shape& at(Shape::Ref ref) const { return shapes_[ref]; }
  std::size_t size() const { return shapes_.size(); }
  Shape::Ref root = 0;

  /// Before the first draw: finds out how every recursion ends. Refused when one cannot, or when
  /// the smallest value is too large.
  Status finish();
  /// Number n, from (seed, n) alone.
  Value draw(std::uint64_t seed, std::uint64_t n) const;

 private:
  struct Drawing {
    Random random;
    std::size_t parts = 0;
  };
  Value draw(Shape::Ref ref, int depth, Drawing& drawing) const;
  void draw_fields(const Shape& shape, int depth, Drawing& drawing, Value& into) const;
  std::size_t draw_branch(const Shape& shape, bool shortest, Random& random) const;
  std::string draw_key(const Shape& map, std::uint64_t i, Random& random) const;
  std::uint64_t draw_length(const Shape& shape, bool shortest, Random& random) const;

  std::vector<Shape> shapes_;
  std::vector<std::uint64_t> least_;  // parts of each shape's smallest value
};

// ---- Writing what was drawn. Each appends.

void put_avro(const Shapes& shapes, const Value& value, Image& into);
void put_json(const Shapes& shapes, const Value& value, Image& into);
void put_protobuf(const Shapes& shapes, const Value& value, Image& into);

}  // namespace ds
