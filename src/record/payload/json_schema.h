// Values of a JSON Schema, as a payload.
//
// Drawn by: type, properties, required, additionalProperties, items, prefixItems, minItems,
// maxItems, uniqueItems, enum, const, minimum, maximum, the exclusive ones, multipleOf, minLength,
// maxLength, pattern, format, oneOf, anyOf, allOf, $ref within the file, and annotations
// (annotations.h). Keywords that forbid what a draw could not avoid (not, if, contains, …) are
// refused in words. That exactly one branch of oneOf fits is the schema's affair.
#pragma once

#include "record/payload/payload.h"
#include "record/payload/shape.h"

namespace ds {

/// `name` is the file's, for messages: "order.json:3:17: …" where it is no JSON, else
/// "order.json: properties.age: …", every error at once.
Result<Shapes> parse_json_schema(std::string_view text, std::string_view name);

Result<std::shared_ptr<const Payload>> json_schema_payload(std::string_view text,
                                                           std::string_view name,
                                                           std::uint64_t seed);

}  // namespace ds
