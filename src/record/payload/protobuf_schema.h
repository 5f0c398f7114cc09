// Values of a Protobuf message, as a payload: Protobuf, or its JSON. The message stands in a .proto
// file, whose imports lie beside it, or in a descriptor set (`protoc --descriptor_set_out`).
//
// How a field is drawn is said in a comment beside it, "// ds: {"range": [1, 100]}" (annotations.h;
// a descriptor set keeps comments with --include_source_info). A google.protobuf.Timestamp is the
// record's own time; Any, Struct, Value, ListValue and FieldMask are left out.
#pragma once

#include "record/payload/payload.h"
#include "record/payload/shape.h"

namespace ds {

/// The last of a message's names is enough where only one has it; empty: the file's only message.
/// Errors name "order.proto:3:17: …", or the field: "shop.Order.lines: …".
Result<std::shared_ptr<const Payload>> protobuf_payload(const std::string& path,
                                                        std::string_view message,
                                                        std::uint64_t seed, Encoding encoding);

/// The same of a descriptor set's bytes.
Result<std::shared_ptr<const Payload>> descriptor_set_payload(std::string_view bytes,
                                                              std::string_view name,
                                                              std::string_view message,
                                                              std::uint64_t seed,
                                                              Encoding encoding);

}  // namespace ds
