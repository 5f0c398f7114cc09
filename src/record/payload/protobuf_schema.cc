#include "record/payload/protobuf_schema.h"

#include <fmt/format.h>
#include <google/protobuf/compiler/importer.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/descriptor_database.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <set>

#include "record/payload/annotations.h"
#include "record/payload/shaped_payload.h"

namespace ds {
namespace {

namespace pb = google::protobuf;

constexpr std::size_t kShapesMax = 20'000, kSetBytesMax = 16u << 20, kSaidMax = 20;
constexpr std::uint64_t kTextMin = 5, kTextMax = 20, kBytesMax = 16, kItemsMax = 4;
constexpr double kOptionalOdds = 0.8;

/// What libprotobuf says of a file, with its place.
class Said final : public pb::compiler::MultiFileErrorCollector,
                   public pb::DescriptorPool::ErrorCollector {
 public:
  void AddError(const std::string& file, int line, int column,
                const std::string& message) override {
    add(line < 0 ? fmt::format("{}: {}", file, message)
                 : fmt::format("{}:{}:{}: {}", file, line + 1, column + 1, message));
  }
  void AddError(const std::string& file, const std::string& element, const pb::Message*,
                ErrorLocation, const std::string& message) override {
    add(fmt::format("{}: {}: {}", file, element, message));
  }
  Error error(std::string_view otherwise) const {
    return Error{.code = ErrorCode::kUsage,
                 .message = all_.empty() ? std::string(otherwise) : all_};
  }

 private:
  void add(std::string line) {
    if (++count_ <= kSaidMax) all_ += (all_.empty() ? "" : "\n") + std::move(line);
  }
  std::string all_;
  std::size_t count_ = 0;
};

/// A message and what it refers to, as shapes.
class MessageShapes {
 public:
  explicit MessageShapes(Complaints& complaints) : complaints_(complaints) {}

  Shape::Ref message(const pb::Descriptor& of) {
    if (const auto known = messages_.find(&of); known != messages_.end()) return known->second;
    const Shape::Ref ref = shapes_.add({});
    messages_[&of] = ref;
    if (shapes_.size() > kShapesMax) {
      complaints_.add(of.full_name(), fmt::format("there are more than {} types", kShapesMax));
      return ref;
    }
    Shape shape;
    shape.kind = ShapeKind::kRecord;
    shape.name = of.full_name();
    if (!well_known(of, shape))
      for (int i = 0; i < of.field_count(); ++i) field(*of.field(i), shape);
    shapes_.at(ref) = std::move(shape);
    return ref;
  }
  Shapes take() { return std::move(shapes_); }

 private:
  bool well_known(const pb::Descriptor& of, Shape& shape) {
    const std::string& name = of.full_name();
    if (name == "google.protobuf.Timestamp") {
      shape.known = Shape::Known::kTimestamp;
      const auto add = [&](const char* part, std::int32_t number, Patch::What what, int bits) {
        Shape of_part;
        of_part.kind = ShapeKind::kPatch;
        of_part.bits = bits;
        of_part.patch = {.what = what};
        shape.fields.push_back({.name = part,
                                .json_name = {},
                                .shape = shapes_.add(std::move(of_part)),
                                .number = number});
      };
      add("seconds", 1, Patch::What::kSeconds, 64);
      add("nanos", 2, Patch::What::kNanosOfSecond, 32);
      return true;
    }
    if (name == "google.protobuf.Duration") {
      shape.known = Shape::Known::kDuration;
      Shape seconds;
      seconds.kind = ShapeKind::kInteger;
      seconds.ranged = true;
      seconds.min = 1;
      seconds.max = 86'400;
      shape.fields.push_back({.name = "seconds",
                              .json_name = {},
                              .shape = shapes_.add(std::move(seconds)),
                              .number = 1});
      return true;
    }
    if (of.file()->name() == "google/protobuf/wrappers.proto") shape.known = Shape::Known::kWrapper;
    return false;
  }
  static bool left_out(const pb::FieldDescriptor& field) {
    constexpr std::string_view kNames[] = {"google.protobuf.Any", "google.protobuf.Struct",
                                           "google.protobuf.Value", "google.protobuf.ListValue",
                                           "google.protobuf.FieldMask"};
    const pb::Descriptor* of = field.message_type();
    if (of != nullptr && field.is_map()) of = of->map_value()->message_type();
    return of != nullptr && std::ranges::find(kNames, of->full_name()) != std::end(kNames);
  }

  void field(const pb::FieldDescriptor& of, Shape& record) {
    if (left_out(of)) return;
    Shape::Field field{.name = of.name(), .json_name = of.json_name(), .number = of.number()};
    Shape shape;
    if (of.is_map()) {
      shape.kind = ShapeKind::kMap;
      shape.branches = {single(*of.message_type()->map_key(), nullptr)};
      shape.length_max =
          of.message_type()->map_key()->type() == pb::FieldDescriptor::TYPE_BOOL ? 2 : kItemsMax;
      shape.items = single(*of.message_type()->map_value(), nullptr);
      annotate_by_comment(of, shape, nullptr);
      field.shape = shapes_.add(std::move(shape));
    } else if (of.is_repeated()) {
      shape.kind = ShapeKind::kArray;
      shape.length_max = kItemsMax;
      shape.items = single(of, nullptr);
      annotate_by_comment(of, shape, nullptr);
      field.shape = shapes_.add(std::move(shape));
      field.packed = of.is_packed();
    } else {
      // Whether it is there shows: for those the odds count.
      const pb::OneofDescriptor* const group = of.real_containing_oneof();
      if (group != nullptr)
        field.one_of = group->index();
      else if (of.has_presence() && !of.is_required())
        field.odds = kOptionalOdds;
      field.skip_default = !of.has_presence();
      field.shape = single(of, &field.odds);
    }
    record.fields.push_back(std::move(field));
  }

  /// One value of the field's type. `odds`: annotations are the field's; null: those of a list are
  /// not its items'.
  Shape::Ref single(const pb::FieldDescriptor& of, double* odds) {
    using Type = pb::FieldDescriptor;
    Shape shape;
    const auto integer = [&](int bits, bool is_unsigned, Wire wire) {
      shape.kind = ShapeKind::kInteger;
      shape.bits = bits;
      shape.is_unsigned = is_unsigned;
      shape.wire = wire;
      if (bits == 64) shape.json = JsonForm::kQuoted;
    };
    switch (of.type()) {
      case Type::TYPE_INT32:
        integer(32, false, Wire::kVarint);
        break;
      case Type::TYPE_INT64:
        integer(64, false, Wire::kVarint);
        break;
      case Type::TYPE_UINT32:
        integer(32, true, Wire::kVarint);
        break;
      case Type::TYPE_UINT64:
        integer(64, true, Wire::kVarint);
        break;
      case Type::TYPE_SINT32:
        integer(32, false, Wire::kZigzag);
        break;
      case Type::TYPE_SINT64:
        integer(64, false, Wire::kZigzag);
        break;
      case Type::TYPE_FIXED32:
        integer(32, true, Wire::kFixed32);
        break;
      case Type::TYPE_FIXED64:
        integer(64, true, Wire::kFixed64);
        break;
      case Type::TYPE_SFIXED32:
        integer(32, false, Wire::kFixed32);
        break;
      case Type::TYPE_SFIXED64:
        integer(64, false, Wire::kFixed64);
        break;
      case Type::TYPE_FLOAT:
        shape.kind = ShapeKind::kReal, shape.bits = 32;
        break;
      case Type::TYPE_DOUBLE:
        shape.kind = ShapeKind::kReal;
        break;
      case Type::TYPE_BOOL:
        shape.kind = ShapeKind::kBoolean;
        break;
      case Type::TYPE_STRING:
        shape.kind = ShapeKind::kText;
        shape.length_min = kTextMin;
        shape.length_max = kTextMax;
        break;
      case Type::TYPE_BYTES:
        shape.kind = ShapeKind::kBytes;
        shape.length_max = kBytesMax;
        shape.base64 = true;
        break;
      case Type::TYPE_ENUM:
        shape.kind = ShapeKind::kEnum;
        shape.name = of.enum_type()->full_name();
        for (int i = 0; i < of.enum_type()->value_count(); ++i) {
          shape.symbols.push_back(of.enum_type()->value(i)->name());
          shape.numbers.push_back(of.enum_type()->value(i)->number());
        }
        break;
      case Type::TYPE_MESSAGE: {
        const Shape::Ref ref = message(*of.message_type());
        if (odds != nullptr) annotate_by_comment(of, shape, odds);
        return ref;
      }
      case Type::TYPE_GROUP:
        complaints_.add(of.full_name(), "groups cannot be drawn");
        break;
    }
    if (odds != nullptr) annotate_by_comment(of, shape, odds);
    return shapes_.add(std::move(shape));
  }

  /// "ds: {…}" in the comment before a field or behind it.
  void annotate_by_comment(const pb::FieldDescriptor& of, Shape& shape, double* odds) {
    pb::SourceLocation place;
    if (!of.GetSourceLocation(&place)) return;
    for (const std::string* comment : {&place.leading_comments, &place.trailing_comments}) {
      const std::size_t at = comment->find("ds: {");
      if (at == std::string::npos) continue;
      const std::string text = comment->substr(at + 4, comment->rfind('}') - at - 3);
      const auto json = parse_json(text, of.full_name());
      if (!json)
        complaints_.add("", json.error().message);
      else
        annotate(shape, *json, of.full_name(), complaints_, odds);
    }
  }

  Complaints& complaints_;
  Shapes shapes_;
  std::map<const pb::Descriptor*, Shape::Ref> messages_;
};

void put_value(const Shapes& shapes, const Value& value, Encoding encoding, Image& into) {
  encoding == Encoding::kJson ? put_json(shapes, value, into) : put_protobuf(shapes, value, into);
}

/// Its own messages, those within messages too; entries of maps are none of them.
void list_messages(const pb::Descriptor& of, std::vector<const pb::Descriptor*>& into) {
  if (of.options().map_entry()) return;
  into.push_back(&of);
  for (int i = 0; i < of.nested_type_count(); ++i) list_messages(*of.nested_type(i), into);
}

Result<const pb::Descriptor*> choose_message(std::string_view file, std::string_view asked,
                                             const std::vector<const pb::FileDescriptor*>& files) {
  std::vector<const pb::Descriptor*> all, fitting;
  for (const auto* each : files)
    for (int i = 0; i < each->message_type_count(); ++i) {
      if (asked.empty())
        all.push_back(each->message_type(i));
      else
        list_messages(*each->message_type(i), all);
    }
  for (const auto* each : all)
    if (asked.empty() || each->full_name() == asked || each->name() == asked)
      fitting.push_back(each);
  for (const auto* each : all)
    if (each->full_name() == asked) fitting = {each};
  if (fitting.size() == 1) return fitting.front();
  std::string names;
  for (std::size_t i = 0; i < std::min<std::size_t>(all.size(), 20); ++i)
    names += (names.empty() ? "" : ", ") + all[i]->full_name();
  return Error{
      .code = ErrorCode::kUsage,
      .message = asked.empty() ? fmt::format("{} has {} messages", file, all.size())
                 : fitting.empty()
                     ? fmt::format("{} has no message '{}'", file, asked)
                     : fmt::format("{} has {} messages '{}'", file, fitting.size(), asked),
      .hint = names.empty() ? "" : fmt::format("protobuf:{}:NAME with one of {}", file, names)};
}

/// The file as a registry is told it, and which of its messages it is.
SchemaText schema_of(const pb::Descriptor& message) {
  SchemaText schema{.type = "PROTOBUF", .text = message.file()->DebugString()};
  for (const pb::Descriptor* each = &message; each != nullptr; each = each->containing_type())
    schema.message_index.insert(schema.message_index.begin(), each->index());
  std::set<std::string> seen;
  const std::function<void(const pb::FileDescriptor&)> add = [&](const pb::FileDescriptor& file) {
    for (int i = 0; i < file.dependency_count(); ++i) {
      const pb::FileDescriptor& of = *file.dependency(i);
      if (of.name().starts_with("google/protobuf/") || !seen.insert(of.name()).second) continue;
      add(of);
      SchemaText::Reference reference{.name = of.name(), .text = of.DebugString()};
      for (int j = 0; j < of.dependency_count(); ++j)
        reference.needs.push_back(of.dependency(j)->name());
      schema.references.push_back(std::move(reference));
    }
  };
  add(*message.file());
  return schema;
}

Result<std::shared_ptr<const Payload>> payload_of(const pb::Descriptor& message,
                                                  std::string_view file, std::uint64_t seed,
                                                  Encoding encoding) {
  Complaints complaints;
  MessageShapes walk(complaints);
  const Shape::Ref root = walk.message(message);
  if (!complaints.empty()) return complaints.error(file);
  Shapes shapes = walk.take();
  shapes.root = root;
  if (auto finished = shapes.finish(); !finished) {
    Error error = std::move(finished).error();
    error.message = fmt::format("{}: {}", file, error.message);
    return error;
  }
  return std::shared_ptr<const Payload>(std::make_shared<ShapedPayload>(
      std::move(shapes), seed, encoding, put_value, schema_of(message)));
}

Result<std::shared_ptr<const Payload>> from_source(const std::string& path,
                                                   std::string_view message, std::uint64_t seed,
                                                   Encoding encoding) {
  const std::filesystem::path file(path);
  pb::compiler::DiskSourceTree tree;
  tree.MapPath("", file.has_parent_path() ? file.parent_path().string() : ".");
  Said said;
  pb::compiler::SourceTreeDescriptorDatabase sources(&tree);
  sources.RecordErrorsTo(&said);
  // Google's own files are part of the library.
  pb::DescriptorPoolDatabase known(*pb::DescriptorPool::generated_pool());
  pb::MergedDescriptorDatabase both(&known, &sources);
  pb::DescriptorPool pool(&both, sources.GetValidationErrorCollector());
  const pb::FileDescriptor* const found = pool.FindFileByName(file.filename().string());
  if (found == nullptr) return said.error(fmt::format("{} cannot be read", path));
  const auto chosen = choose_message(path, message, {found});
  if (!chosen) return chosen.error();
  return payload_of(**chosen, path, seed, encoding);
}

}  // namespace

Result<std::shared_ptr<const Payload>> descriptor_set_payload(std::string_view bytes,
                                                              std::string_view name,
                                                              std::string_view message,
                                                              std::uint64_t seed,
                                                              Encoding encoding) {
  pb::FileDescriptorSet set;
  if (bytes.size() > kSetBytesMax ||
      !set.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) || set.file_size() == 0)
    return Error{
        .code = ErrorCode::kUsage,
        .message = fmt::format("{} is no descriptor set", name),
        .hint = "protoc --include_imports --include_source_info --descriptor_set_out=FILE …"};
  Said said;
  pb::SimpleDescriptorDatabase files;
  for (const auto& file : set.file()) files.Add(file);
  pb::DescriptorPoolDatabase known(*pb::DescriptorPool::generated_pool());
  pb::MergedDescriptorDatabase both(&files, &known);
  pb::DescriptorPool pool(&both, &said);
  std::vector<const pb::FileDescriptor*> built;
  for (const auto& file : set.file()) {
    const pb::FileDescriptor* const each = pool.FindFileByName(file.name());
    if (each == nullptr) return said.error(fmt::format("{}: {} cannot be read", name, file.name()));
    if (!file.name().starts_with("google/protobuf/")) built.push_back(each);
  }
  const auto chosen = choose_message(name, message, built);
  if (!chosen) return chosen.error();
  return payload_of(**chosen, name, seed, encoding);
}

Result<std::shared_ptr<const Payload>> protobuf_payload(const std::string& path,
                                                        std::string_view message,
                                                        std::uint64_t seed, Encoding encoding) {
  if (path.ends_with(".proto")) return from_source(path, message, seed, encoding);
  std::ifstream file(path, std::ios::binary);
  if (!file)
    return Error{.code = ErrorCode::kUsage, .message = fmt::format("{} cannot be read", path)};
  const std::string bytes(std::istreambuf_iterator<char>(file), {});
  return descriptor_set_payload(bytes, path, message, seed, encoding);
}

}  // namespace ds
