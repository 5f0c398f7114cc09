// A text with placeholders, as a payload:
//
//   {"id": {{sequence}}, "user": "u{{zipf 1.1 10000}}", "price": {{normal 20 5 decimals=2 min=0}},
//    "at": "{{timestamp iso}}", "colour": "{{choice red:3 green "dark blue":2}}"}
//
//   {{sequence start=0 step=1 width=0}}      the record's number; width fills up with zeros
//   {{stream}}  {{stream-sequence …}}        its stream, and its number there
//   {{timestamp ms|s|us|ns|iso}}             its time
//   {{uuid}}
//   {{uniform MIN MAX decimals=N}}           whole numbers when both are whole and no decimals
//   asked
//   {{normal MEAN SD decimals=N min=A max=B}}
//   {{zipf S N}}                             1 … N, the first ones most often
//   {{choice A B:3 "two words":2 {part}}}    with weights; a name in braces is a part
//   {{words MIN MAX}}  {{digits N}}  {{hex N}}
//   {{part NAME}} … {{end}}                  a part, used by {{NAME}}; parts use parts
//   {{repeat MIN MAX "separator"}} … {{end}}
//   {{"{{"}}                                 the text itself
//   {{! a remark}}
//
// A line's end behind a part's {{end}} or a remark, and the file's last one, belong to the layout
// and not to the value.
#pragma once

#include <memory>

#include "record/payload/payload.h"

namespace ds {

/// `name` is the file's, for messages: "orders.tpl:3:17: …", every error at once.
Result<std::shared_ptr<const Payload>> parse_template(std::string_view text, std::string_view name,
                                                      std::uint64_t seed, Encoding encoding);

}  // namespace ds
