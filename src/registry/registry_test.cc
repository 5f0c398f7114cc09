// Against a registry it is tested in tests/interop/payloads_test.py.
#include "registry/registry.h"

#include <gtest/gtest.h>

namespace ds {
namespace {

TEST(ConfluentFrame, HasTheIdAndOfProtobufTheMessage) {
  struct Case {
    const char* what;
    SchemaText schema;
    const char* bytes;
  };
  const Case cases[] = {
      {"avro", {.type = "AVRO", .text = ""}, "00 01020304"},
      {"json", {.type = "JSON", .text = ""}, "00 01020304"},
      {"the first message",
       {.type = "PROTOBUF", .text = "", .message_index = {0}},
       "00 01020304 00"},
      {"the second", {.type = "PROTOBUF", .text = "", .message_index = {1}}, "00 01020304 02 02"},
      {"one within another",
       {.type = "PROTOBUF", .text = "", .message_index = {2, 0}},
       "00 01020304 04 04 00"},
  };
  for (const auto& [what, schema, bytes] : cases) {
    SCOPED_TRACE(what);
    EXPECT_EQ(confluent_frame(0x01020304, schema), from_hex(bytes));
  }
}

TEST(Registry, KeepsThePasswordOutOfItsName) {
  SystemClock clock;
  EXPECT_EQ(Registry({.url = "http://me:secret@host:8081/"}, clock).name(), "http://host:8081");
  EXPECT_EQ(Registry({.url = "https://host/path"}, clock).name(), "https://host/path");
}

TEST(Registry, SaysThatNobodyAnswers) {
  SystemClock clock;
  Registry registry({.url = "http://127.0.0.1:1", .give_up = 0}, clock);
  const auto id = registry.register_schema("s", {.type = "AVRO", .text = "\"int\""});
  ASSERT_FALSE(id.ok());
  EXPECT_EQ(id.error().code, ErrorCode::kUnreachable);
  EXPECT_NE(id.error().message.find("could not register the schema of s: the registry at "
                                    "http://127.0.0.1:1 cannot be reached"),
            std::string::npos)
      << id.error().message;
}

}  // namespace
}  // namespace ds
