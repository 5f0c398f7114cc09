// Values of any Avro schema, as a payload: raw Avro, or Avro's JSON.
//
// How values are drawn is said beside a type (annotations.h). Without that numbers are small and
// large alike, texts are words, and logical types give what their name says: timestamps are the
// record's own, uuids are new for each record, decimals keep their precision.
#pragma once

#include <span>

#include "record/payload/payload.h"
#include "record/payload/shape.h"

namespace ds {

/// A schema that the main one refers to: its types are known in it by their names.
struct NamedText {
  std::string type;  // the full name of what it describes
  std::string file;  // for messages
  std::string text;
};

/// `name` is the file's, for messages: "orders.avsc:3:17: …" where it is no JSON, else
/// "orders.avsc: fields[2].type: …", every error at once.
Result<Shapes> parse_avro_schema(std::string_view text, std::string_view name,
                                 std::span<const NamedText> others = {});

Result<std::shared_ptr<const Payload>> avro_payload(std::string_view text, std::string_view name,
                                                    std::span<const NamedText> others,
                                                    std::uint64_t seed, Encoding encoding);

}  // namespace ds
