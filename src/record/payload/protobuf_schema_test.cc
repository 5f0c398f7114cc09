// libprotobuf is the judge: its dynamic messages read our bytes, keep nothing aside as unknown, and
// its JSON says the same as ours.
#include "record/payload/protobuf_schema.h"

#include <google/protobuf/compiler/parser.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/descriptor_database.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/timestamp.pb.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

namespace ds {
namespace {

namespace pb = google::protobuf;
using Json = nlohmann::json;

constexpr const char* kShop = R"(syntax = "proto3";
package shop;
import "google/protobuf/timestamp.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/wrappers.proto";
import "google/protobuf/any.proto";
enum Colour { RED = 0; GREEN = 1; MINUS = -1; }
message Order {
  // ds: {"role": "sequence", "start": 1000}
  int64 id = 1;
  google.protobuf.Timestamp at = 2;
  repeated Line lines = 3;
  map<string, int32> counts = 4;
  map<int64, Line> by_number = 5;
  map<bool, double> flags = 6;
  oneof how { string card = 7; Line line = 8; bool cash = 9; }
  optional int32 maybe = 10;
  repeated sint64 numbers = 11;
  repeated double reals = 12 [packed = false];
  Colour colour = 13;
  repeated Colour colours = 14;
  bytes blob = 15;
  fixed32 f32 = 16; sfixed64 f64 = 17; uint32 u32 = 18; uint64 u64 = 19; sint32 s32 = 20;
  float real = 21;
  Order parent = 22;
  google.protobuf.Duration took = 23;
  google.protobuf.Int64Value boxed = 24;
  google.protobuf.Any any = 25;
  string key = 26;  // ds: {"role": "uuid"}
  message Line { string name = 1; int32 amount = 2; /* ds: {"range": [1, 9]} */ }
}
)";

/// A file as libprotobuf's own parser reads it, comments and all, in a descriptor set.
std::string descriptor_set(const std::string& text, const std::string& name = "shop.proto") {
  pb::io::ArrayInputStream input(text.data(), static_cast<int>(text.size()));
  pb::io::Tokenizer tokens(&input, nullptr);
  pb::compiler::Parser parser;
  pb::FileDescriptorSet set;
  auto* file = set.add_file();
  pb::SourceCodeInfo places;
  EXPECT_TRUE(parser.Parse(&tokens, file));
  file->set_name(name);
  return set.SerializeAsString();
}

/// Its messages, as libprotobuf makes them.
class Oracle {
 public:
  Oracle(const std::string& set, const char* message) {
    (void)pb::Timestamp::descriptor();  // the library's own files are linked in
    pb::FileDescriptorSet files;
    EXPECT_TRUE(files.ParseFromString(set));
    for (const auto& file : files.file()) EXPECT_TRUE(database_.Add(file));
    type_ = pool_.FindMessageTypeByName(message);
    EXPECT_NE(type_, nullptr);
    message_.reset(factory_.GetPrototype(type_)->New());
  }
  /// Nothing when it refuses the bytes, or knows some of them not.
  std::optional<std::string> json(ByteView bytes) {
    message_->Clear();
    if (!message_->ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
      return std::nullopt;
    if (!message_->GetReflection()->GetUnknownFields(*message_).empty()) return std::nullopt;
    pb::util::JsonPrintOptions options;
    std::string text;
    if (!pb::util::MessageToJsonString(*message_, &text, options).ok()) return std::nullopt;
    return text;
  }

 private:
  pb::SimpleDescriptorDatabase database_;
  pb::DescriptorPoolDatabase known_{*pb::DescriptorPool::generated_pool()};
  pb::MergedDescriptorDatabase both_{&database_, &known_};
  pb::DescriptorPool pool_{&both_};
  pb::DynamicMessageFactory factory_{&pool_};
  const pb::Descriptor* type_ = nullptr;
  std::unique_ptr<pb::Message> message_;
};

ByteVec made(const Payload& payload, std::uint64_t n, bool readable) {
  Image image;
  readable ? payload.draw_readable(n, image) : payload.draw(n, image);
  return made_of(
      image,
      {.seed = 7, .record = n, .stream = 5, .sequence = n, .timestamp_ms = 1'763'700'123'456});
}

/// Ours names defaults that libprotobuf leaves out; numbers may have other digits.
void expect_same(const Json& ours, const Json& theirs, const std::string& path) {
  if (ours.is_object() && theirs.is_object()) {
    for (const auto& [name, value] : theirs.items()) {
      ASSERT_TRUE(ours.contains(name)) << path << "." << name;
      expect_same(ours[name], value, path + "." + name);
    }
    for (const auto& [name, value] : ours.items()) {
      if (theirs.contains(name)) continue;
      EXPECT_TRUE(value == 0 || value == "0" || value == "" || value == false || value == "RED" ||
                  value.empty())
          << path << "." << name << " is " << value;
    }
  } else if (ours.is_array() && theirs.is_array()) {
    ASSERT_EQ(ours.size(), theirs.size()) << path;
    for (std::size_t i = 0; i < ours.size(); ++i) expect_same(ours[i], theirs[i], path + "[]");
  } else if (ours.is_number_float() || theirs.is_number_float()) {
    EXPECT_FLOAT_EQ(ours.get<float>(), theirs.get<float>()) << path;
  } else {
    EXPECT_EQ(ours, theirs) << path;
  }
}

TEST(ProtobufSchema, DrawsMessagesThatLibprotobufReads) {
  const std::string set = descriptor_set(kShop);
  const auto payload = descriptor_set_payload(set, "shop.desc", "Order", 7, Encoding::kProtobuf);
  ASSERT_TRUE(payload.ok()) << payload.error().message;
  Oracle oracle(set, "shop.Order");
  for (std::uint64_t n = 0; n < 500; ++n) {
    const auto theirs = oracle.json(made(**payload, n, false));
    ASSERT_TRUE(theirs) << n;
    const ByteVec ours = made(**payload, n, true);
    ASSERT_TRUE(Json::accept(as_text(ours))) << as_text(ours);
    expect_same(Json::parse(as_text(ours)), Json::parse(*theirs), "");
    if (HasFailure()) FAIL() << as_text(ours) << "\n" << *theirs;
    ASSERT_EQ(Json::parse(*theirs)["id"], std::to_string(1000 + n)) << "by its comment";
  }
}

TEST(ProtobufSchema, ReadsSourcesAndWhatTheyImport) {
  char name[] = "/tmp/ds-proto-XXXXXX";
  const std::filesystem::path folder = mkdtemp(name);
  std::ofstream(folder / "part.proto")
      << R"(syntax="proto3"; package a; message Part { int32 n = 1; })";
  std::ofstream(folder / "whole.proto")
      << "syntax=\"proto3\"; package a; import \"part.proto\";\n"
         "message First {} message Whole { Part part = 1; message In { bool b = 1; } }";
  std::ofstream(folder / "broken.proto")
      << "syntax=\"proto3\";\nmessage X { int33 n = 1; }\n message {";
  const auto open = [&](const char* file, std::string_view message) {
    return protobuf_payload((folder / file).string(), message, 1, Encoding::kProtobuf);
  };
  const auto whole = open("whole.proto", "Whole");
  ASSERT_TRUE(whole.ok()) << whole.error().message;
  const SchemaText schema = *(*whole)->schema();
  EXPECT_EQ(schema.message_index, std::vector<int>{1});
  ASSERT_EQ(schema.references.size(), 1u);
  EXPECT_EQ(schema.references[0].name, "part.proto");
  EXPECT_EQ((*open("whole.proto", "a.Whole.In"))->schema()->message_index,
            (std::vector<int>{1, 0}));
  EXPECT_NE(open("whole.proto", "").error().message.find("has 2 messages"), std::string::npos);
  EXPECT_NE(open("whole.proto", "Nobody").error().message.find("no message 'Nobody'"),
            std::string::npos);
  const std::string said = open("broken.proto", "").error().message;
  EXPECT_NE(said.find("broken.proto:3:10: "), std::string::npos) << said;
  EXPECT_FALSE(open("nothing.proto", "").ok());
  EXPECT_FALSE(open("nothing.desc", "").ok());
  std::filesystem::remove_all(folder);
}

TEST(ProtobufSchema, SaysWhatItCannotDraw) {
  const auto said = [](const std::string& text, std::string_view message) {
    const auto payload =
        descriptor_set_payload(descriptor_set(text), "t.desc", message, 1, Encoding::kProtobuf);
    return payload ? std::string() : payload.error().message;
  };
  EXPECT_EQ(said("syntax=\"proto2\"; message M { required M m = 1; }", "M"),
            "t.desc: M contains itself without an end");
  EXPECT_EQ(said("syntax=\"proto2\"; message M { optional group G = 1 { } }", "M"),
            "t.desc: M.g: groups cannot be drawn");
  EXPECT_EQ(said("syntax=\"proto3\"; message M { X x = 1; }", "M"),
            "shop.proto: M.x: \"X\" is not defined.");
  EXPECT_EQ(descriptor_set_payload("no set", "t.desc", "", 1, Encoding::kProtobuf).error().message,
            "t.desc is no descriptor set");
}

}  // namespace
}  // namespace ds
