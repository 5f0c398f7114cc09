// Protobuf's wire format. A message within a message has its length before it, so what is patched
// later has a fixed width: varints are filled up with continuation bytes, which every reader takes.
#include <bit>
#include <charconv>

#include "base/varint.h"
#include "record/payload/shape.h"

namespace ds {
namespace {

enum WireType : std::uint32_t {
  kVarintType = 0,
  kFixed64Type = 1,
  kBytesType = 2,
  kFixed32Type = 5
};

class ProtobufWriter {
 public:
  explicit ProtobufWriter(const Shapes& shapes) : shapes_(shapes) {}

  void put_message(const Shape& shape, const Value& value, Image& into) const {
    for (std::size_t i = 0; i < shape.fields.size(); ++i) {
      const Shape::Field& field = shape.fields[i];
      if (value.parts[i].absent) continue;
      const Shape& of = shapes_.at(field.shape);
      if (of.kind == ShapeKind::kArray)
        put_repeated(field, of, value.parts[i], into);
      else if (of.kind == ShapeKind::kMap)
        put_map(field, of, value.parts[i], into);
      else if (!field.skip_default || !is_default(of, value.parts[i]))
        put_field(static_cast<std::uint32_t>(field.number), of, value.parts[i], into);
    }
  }

 private:
  static void put_number(std::uint64_t value, Image& into) {
    std::uint8_t bytes[kVarintBytesMax];
    const std::uint8_t* const end = put_varint(bytes, value);
    into.append(ByteView(bytes, end));
  }
  static void put_tag(std::uint32_t number, std::uint32_t type, Image& into) {
    put_number(static_cast<std::uint64_t>(number) << 3 | type, into);
  }
  static void put_little(std::uint64_t value, int bytes, Image& into) {
    for (int i = 0; i < bytes; ++i) into.append(static_cast<std::uint8_t>(value >> (8 * i)));
  }
  static bool is_default(const Shape& shape, const Value& value) {
    switch (shape.kind) {
      case ShapeKind::kBoolean:
      case ShapeKind::kInteger:
        return value.number == 0;
      case ShapeKind::kEnum:
        return shape.numbers[static_cast<std::size_t>(value.number)] == 0;
      case ShapeKind::kReal:
        return std::bit_cast<std::uint64_t>(value.real) == 0;
      case ShapeKind::kText:
      case ShapeKind::kBytes:
        return value.text.empty();
      default:
        return false;
    }
  }
  static std::uint32_t type_of(const Shape& shape) {
    switch (shape.kind) {
      case ShapeKind::kReal:
        return shape.bits == 32 ? kFixed32Type : kFixed64Type;
      case ShapeKind::kInteger:
      case ShapeKind::kPatch:
        if (shape.kind == ShapeKind::kPatch && is_text(shape.patch)) return kBytesType;
        return shape.wire == Wire::kFixed32   ? kFixed32Type
               : shape.wire == Wire::kFixed64 ? kFixed64Type
                                              : kVarintType;
      case ShapeKind::kBoolean:
      case ShapeKind::kEnum:
        return kVarintType;
      default:
        return kBytesType;
    }
  }
  static bool is_text(const Patch& patch) {
    return patch.what == Patch::What::kUuid || patch.what == Patch::What::kIsoTime;
  }

  void put_field(std::uint32_t number, const Shape& shape, const Value& value, Image& into) const {
    put_tag(number, type_of(shape), into);
    if (shape.kind == ShapeKind::kRecord) {
      Image message;
      put_message(shape, value, message);
      put_number(message.bytes.size(), into);
      into.append(message);
    } else {
      put_scalar(shape, value, into);
    }
  }
  /// Without its tag.
  void put_scalar(const Shape& shape, const Value& value, Image& into) const {
    switch (shape.kind) {
      case ShapeKind::kBoolean:
        return into.append(static_cast<std::uint8_t>(value.number));
      case ShapeKind::kInteger:
        if (shape.wire == Wire::kFixed32)
          return put_little(static_cast<std::uint64_t>(value.number), 4, into);
        if (shape.wire == Wire::kFixed64)
          return put_little(static_cast<std::uint64_t>(value.number), 8, into);
        return put_number(shape.wire == Wire::kZigzag ? zigzag(value.number)
                                                      : static_cast<std::uint64_t>(value.number),
                          into);
      case ShapeKind::kEnum:
        // A negative one takes ten bytes, as if it had 64 bits.
        return put_number(static_cast<std::uint64_t>(static_cast<std::int64_t>(
                              shape.numbers[static_cast<std::size_t>(value.number)])),
                          into);
      case ShapeKind::kReal:
        if (shape.bits == 32)
          return put_little(std::bit_cast<std::uint32_t>(static_cast<float>(value.real)), 4, into);
        return put_little(std::bit_cast<std::uint64_t>(value.real), 8, into);
      case ShapeKind::kPatch:
        return put_patch(shape, into);
      default:
        put_number(value.text.size(), into);
        return into.append(value.text);
    }
  }
  static void put_patch(const Shape& shape, Image& into) {
    constexpr std::uint32_t kUsual = 8;  // 56 bits: numbers of records and milliseconds fit
    Patch patch = shape.patch;
    if (is_text(patch)) {
      patch.form = Patch::Form::kText;
      put_number(patch.what == Patch::What::kUuid ? 36 : kIsoTimeLength, into);
    } else if (shape.wire == Wire::kFixed32 || shape.wire == Wire::kFixed64) {
      patch.form = Patch::Form::kLittle;
      patch.width = shape.wire == Wire::kFixed32 ? 4 : 8;
    } else {
      patch.form = shape.wire == Wire::kZigzag ? Patch::Form::kZigzagOf : Patch::Form::kVarint;
      const bool usual = patch.what != Patch::What::kNanos && patch.start == 0 && patch.step == 1;
      patch.width = shape.bits == 32 ? 5 : usual ? kUsual : kVarintBytesMax;
    }
    into.append(patch);
  }
  void put_repeated(const Shape::Field& field, const Shape& array, const Value& value,
                    Image& into) const {
    const Shape& of = shapes_.at(array.items);
    const auto number = static_cast<std::uint32_t>(field.number);
    if (!field.packed) {
      for (const Value& item : value.parts) put_field(number, of, item, into);
      return;
    }
    if (value.parts.empty()) return;
    Image packed;
    for (const Value& item : value.parts) put_scalar(of, item, packed);
    put_tag(number, kBytesType, into);
    put_number(packed.bytes.size(), into);
    into.append(packed);
  }
  /// Entries of {1: key, 2: value}; the key's shape is the map's first branch.
  void put_map(const Shape::Field& field, const Shape& map, const Value& value, Image& into) const {
    for (std::size_t i = 0; i < value.parts.size(); ++i) {
      Image entry;
      const Shape& key = shapes_.at(map.branches.front());
      Value of_key;
      of_key.text = value.keys[i];
      if (key.kind == ShapeKind::kBoolean)
        of_key.number = value.keys[i] == "true" ? 1 : 0;
      else if (key.kind == ShapeKind::kInteger)
        std::from_chars(value.keys[i].data(), value.keys[i].data() + value.keys[i].size(),
                        of_key.number);
      put_field(1, key, of_key, entry);
      put_field(2, shapes_.at(map.items), value.parts[i], entry);
      put_tag(static_cast<std::uint32_t>(field.number), kBytesType, into);
      put_number(entry.bytes.size(), into);
      into.append(entry);
    }
  }

  const Shapes& shapes_;
};

}  // namespace

void put_protobuf(const Shapes& shapes, const Value& value, Image& into) {
  ProtobufWriter(shapes).put_message(shapes.at(shapes.root), value, into);
}

}  // namespace ds
