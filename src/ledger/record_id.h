// The identity that payloads other than tweets carry.
#pragma once

#include <optional>

#include "kafka/wire/record_batch.h"
#include "record/identity.h"

namespace ds {

inline constexpr std::string_view kIdHeader = "ds-id";

/// By the header `ds-id`; nothing when there is none. Cost: a compare for a record without headers.
inline std::optional<RecordId> id_in_headers(const kafka::RecordView& record) {
  if (record.header_count == 0) return std::nullopt;
  kafka::HeaderReader headers(record);
  while (const auto header = headers.next())
    if (header->key == kIdHeader && header->value) return parse_binary_id(as_text(*header->value));
  return std::nullopt;
}

}  // namespace ds
