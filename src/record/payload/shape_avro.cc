// Avro's binary encoding: fields in a row, lengths and numbers as zigzag varints, arrays and maps
// in one block with its count before it and a zero behind.
#include <bit>

#include "base/varint.h"
#include "record/payload/shape.h"

namespace ds {
namespace {

class AvroWriter {
 public:
  AvroWriter(const Shapes& shapes, Image& into) : shapes_(shapes), into_(into) {}

  void put(Shape::Ref ref, const Value& value) {
    const Shape& shape = shapes_.at(ref);
    switch (shape.kind) {
      case ShapeKind::kNull:
      case ShapeKind::kLiteral:
        break;
      case ShapeKind::kBoolean:
        into_.append(static_cast<std::uint8_t>(value.number));
        break;
      case ShapeKind::kInteger:
      case ShapeKind::kEnum:
        put_long(value.number);
        break;
      case ShapeKind::kReal:
        if (shape.bits == 32)
          put_little(std::bit_cast<std::uint32_t>(static_cast<float>(value.real)), 4);
        else
          put_little(std::bit_cast<std::uint64_t>(value.real), 8);
        break;
      case ShapeKind::kText:
      case ShapeKind::kBytes:
        if (!shape.fixed) put_long(static_cast<std::int64_t>(value.text.size()));
        into_.append(value.text);
        break;
      case ShapeKind::kArray:
      case ShapeKind::kMap:
        if (!value.parts.empty()) put_long(static_cast<std::int64_t>(value.parts.size()));
        for (std::size_t i = 0; i < value.parts.size(); ++i) {
          if (shape.kind == ShapeKind::kMap) {
            put_long(static_cast<std::int64_t>(value.keys[i].size()));
            into_.append(value.keys[i]);
          }
          put(shape.items, value.parts[i]);
        }
        put_long(0);
        break;
      case ShapeKind::kRecord:
        for (std::size_t i = 0; i < shape.fields.size(); ++i)
          put(shape.fields[i].shape, value.parts[i]);
        break;
      case ShapeKind::kUnion:
        put_long(value.number);
        put(shape.branches[static_cast<std::size_t>(value.number)], value.parts.front());
        break;
      case ShapeKind::kPatch:
        put_patch(shape.patch);
        break;
    }
  }

 private:
  void put_long(std::int64_t value) {
    std::uint8_t bytes[kVarintBytesMax];
    const std::uint8_t* const end = put_zigzag(bytes, value);
    into_.append(ByteView(bytes, end));
  }
  void put_little(std::uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) into_.append(static_cast<std::uint8_t>(value >> (8 * i)));
  }
  void put_patch(Patch patch) {
    using enum Patch::What;
    if (patch.what == kUuid || patch.what == kIsoTime) {
      put_long(patch.what == kUuid ? 36 : static_cast<std::int64_t>(kIsoTimeLength));
      patch.form = Patch::Form::kText;
    } else {
      patch.form = Patch::Form::kZigzag;
    }
    into_.append(patch);
  }

  const Shapes& shapes_;
  Image& into_;
};

}  // namespace

void put_avro(const Shapes& shapes, const Value& value, Image& into) {
  AvroWriter(shapes, into).put(shapes.root, value);
}

}  // namespace ds
