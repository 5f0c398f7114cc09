// What people say beside a type of how its values are to be drawn, the same in an Avro schema and a
// JSON Schema (the attribute "ds") and in a .proto file (a comment "ds: {…}"):
//
//   {"type": "int", "ds": {"range": [1, 100]}}
//
//   "range": [MIN, MAX]          numbers
//   "normal": [MEAN, SD]         numbers; cut to the range
//   "zipf": [S, N]               numbers from 1 to N
//   "options": [...]             one of these
//   "weights": [...]             of options, symbols, or a union's branches
//   "length": N or [MIN, MAX]    of texts, bytes, arrays and maps
//   "odds": P                    of true; of an optional field, of being there
//   "text": "words", "email", "hostname", "ipv4", "ipv6", "uri", "date", "time", "date-time"
//   "role": "sequence", "stream", "stream-sequence", "timestamp", "uuid"
//   "start": N, "step": N        of a sequence
//
// Of Confluent's generator "arg.properties" is read, too: range {min, max}, options, length, odds,
// iteration {start, step}.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "record/payload/shape.h"

namespace ds {

using Json = nlohmann::ordered_json;

/// What is wrong, each with its place: "fields[2].type: …".
class Complaints {
 public:
  static constexpr std::size_t kMax = 20;
  void add(std::string_view path, std::string_view what) {
    if (all_.size() < kMax)
      all_.push_back(std::string(path) + (path.empty() ? "" : ": ") + std::string(what));
  }
  bool empty() const { return all_.empty(); }
  /// All of them, a line each, behind the file's name.
  Error error(std::string_view file) const;

 private:
  std::vector<std::string> all_;
};

/// JSON as a document, or where it stops being one: "file:3:17: …".
Result<Json> parse_json(std::string_view text, std::string_view file);

/// Applies annotations to a shape; `path` names their place. `odds`, where given, is the field's.
void annotate(Shape& shape, const Json& annotations, std::string_view path, Complaints& complaints,
              double* odds = nullptr);
/// The annotations that stand in a schema's object, in either form; nothing when there are none.
void annotate_from(Shape& shape, const Json& object, std::string_view path, Complaints& complaints,
                   double* odds = nullptr);

}  // namespace ds
