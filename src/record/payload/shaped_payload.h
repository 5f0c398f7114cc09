// A payload whose values have a shape.
#pragma once

#include "record/payload/payload.h"
#include "record/payload/shape.h"

namespace ds {

class ShapedPayload final : public Payload {
 public:
  using Put = void (*)(const Shapes&, const Value&, Encoding, Image&);

  /// `put` writes values in `encoding`; the shapes are finished.
  ShapedPayload(Shapes shapes, std::uint64_t seed, Encoding encoding, Put put,
                std::optional<SchemaText> schema)
      : shapes_(std::move(shapes)),
        seed_(seed),
        encoding_(encoding),
        put_(put),
        schema_(std::move(schema)) {}

  void draw(std::uint64_t n, Image& into) const override {
    put_(shapes_, shapes_.draw(seed_, n), encoding_, into);
  }
  void draw_readable(std::uint64_t n, Image& into) const override {
    put_json(shapes_, shapes_.draw(seed_, n), into);
  }
  bool readable_is_json() const override { return true; }
  Encoding encoding() const override { return encoding_; }
  std::optional<SchemaText> schema() const override { return schema_; }

 private:
  const Shapes shapes_;
  const std::uint64_t seed_;
  const Encoding encoding_;
  const Put put_;
  const std::optional<SchemaText> schema_;
};

}  // namespace ds
