#include "record/payload/payload.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "base/random.h"
#include "base/units.h"
#include "base/wrong_use.h"
#include "record/distribution.h"
#include "record/payload/avro_schema.h"
#include "record/payload/json_schema.h"
#include "record/payload/protobuf_schema.h"
#include "record/payload/text_template.h"
#include "record/reading.h"

namespace ds {
namespace {

constexpr std::uintmax_t kSchemaBytesMax = 4u << 20, kFileBytesMax = 32u << 20;
/// Large values make a smaller pool, the same on every machine.
constexpr std::size_t kPoolBytesMax = 32u << 20;
constexpr std::size_t kSheetBytesMax = 4u << 20;

Result<std::string> read_file(const std::string& path, std::uintmax_t most) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return wrong_use(fmt::format("{} cannot be read", path));
  std::string text;
  for (char block[65'536]; file.read(block, sizeof block) || file.gcount() > 0;) {
    text.append(block, static_cast<std::size_t>(file.gcount()));
    if (text.size() > most)
      return wrong_use(
          fmt::format("{} has more than {}", path, human_bytes(static_cast<double>(most))));
  }
  if (file.bad()) return wrong_use(fmt::format("{} cannot be read", path));
  return text;
}

/// What `name` may be asked to come as; an error names what it can.
Result<Encoding> choose(std::string_view name, std::optional<Encoding> asked,
                        std::initializer_list<Encoding> able) {
  if (!asked || std::ranges::find(able, *asked) != able.end()) return asked.value_or(*able.begin());
  std::string all;
  for (const Encoding each : able)
    all += fmt::format("{}{}", all.empty() ? "" : " or ", name_of(each));
  return wrong_use(fmt::format("the payload {} cannot be encoded as {}", name, name_of(*asked)),
                   all);
}

/// N bytes: what a codec can make smaller lies in one piece before the rest.
class RandomPayload final : public Payload {
 public:
  RandomPayload(std::size_t size, double compressible)
      : plain_(static_cast<std::size_t>(static_cast<double>(size) * compressible)),
        noise_(size - plain_) {}
  void draw(std::uint64_t, Image& into) const override {
    into.bytes.insert(into.bytes.end(), plain_, 'x');
    if (noise_ > 0)
      into.append(Patch{.what = Patch::What::kNoise, .width = static_cast<std::uint32_t>(noise_)});
  }
  std::uint64_t images() const override { return 1; }
  bool in_order() const override { return true; }
  Encoding encoding() const override { return Encoding::kAsIs; }

 private:
  const std::size_t plain_, noise_;
};

class LinesPayload final : public Payload {
 public:
  LinesPayload(std::vector<std::string> lines, bool json) : lines_(std::move(lines)), json_(json) {}
  void draw(std::uint64_t n, Image& into) const override { into.append(lines_[n % lines_.size()]); }
  bool readable_is_json() const override { return json_; }
  std::uint64_t images() const override { return lines_.size(); }
  bool in_order() const override { return true; }
  Encoding encoding() const override { return json_ ? Encoding::kJson : Encoding::kAsIs; }

 private:
  const std::vector<std::string> lines_;
  const bool json_;
};

/// What a sensor sends; producer and sequence are the stream's.
class ReadingPayload final : public Payload {
 public:
  ReadingPayload(Distribution distribution, std::uint64_t seed, Encoding encoding)
      : distribution_(std::move(distribution)), seed_(seed), encoding_(encoding) {}

  void draw(std::uint64_t n, Image& into) const override {
    encoding_ == Encoding::kJson ? draw_json(n, into) : draw_avro(n, into);
  }
  void draw_readable(std::uint64_t n, Image& into) const override { draw_json(n, into); }
  bool readable_is_json() const override { return true; }
  Encoding encoding() const override { return encoding_; }
  /// Waves and drifts go from reading to reading, so none is used again.
  bool pooled() const override {
    using enum Distribution::Kind;
    return distribution_.kind() != kSine && distribution_.kind() != kDrift &&
           distribution_.kind() != kStuck;
  }
  std::optional<SchemaText> schema() const override {
    if (encoding_ != Encoding::kAvro) return std::nullopt;
    return SchemaText{.type = "AVRO", .text = std::string(kReadingSchema)};
  }

 private:
  Reading reading(std::uint64_t n) const {
    return {.data = distribution_.at(seed_, 0, static_cast<std::int64_t>(n))};
  }
  void draw_json(std::uint64_t n, Image& into) const {
    std::uint8_t bytes[kReadingBytesMax];
    const std::string_view text(reinterpret_cast<char*>(bytes),
                                static_cast<std::size_t>(put_json(bytes, reading(n)) - bytes));
    into.append(text.substr(0, text.find(R"("timestamp_producer")")));
    into.append(R"("timestamp_producer":)");
    into.append(Patch{.what = Patch::What::kMillis});
    into.append(R"(,"producer_id":)");
    into.append(Patch{.what = Patch::What::kStream});
    into.append(R"(,"sequence":)");
    into.append(Patch{.what = Patch::What::kSequence});
    into.append("}");
  }
  void draw_avro(std::uint64_t n, Image& into) const {
    std::uint8_t bytes[kReadingBytesMax];
    put_avro(bytes, reading(n));
    into.bytes.insert(into.bytes.end(), bytes, bytes + sizeof(double));
    using enum Patch::What;
    for (const Patch::What what : {kMillis, kStream, kSequence})
      into.append(Patch{.what = what, .form = Patch::Form::kZigzag});
  }

  const Distribution distribution_;
  const std::uint64_t seed_;
  const Encoding encoding_;
};

using Opened = Result<std::shared_ptr<const Payload>>;

/// A payload of texts, with the schema that somebody else says they have.
class WithSchema final : public Payload {
 public:
  WithSchema(std::shared_ptr<const Payload> payload, SchemaText schema)
      : payload_(std::move(payload)), schema_(std::move(schema)) {}
  void draw(std::uint64_t n, Image& into) const override { payload_->draw(n, into); }
  void draw_readable(std::uint64_t n, Image& into) const override {
    payload_->draw_readable(n, into);
  }
  bool readable_is_json() const override { return payload_->readable_is_json(); }
  std::uint64_t images() const override { return payload_->images(); }
  bool in_order() const override { return payload_->in_order(); }
  bool pooled() const override { return payload_->pooled(); }
  Encoding encoding() const override { return payload_->encoding(); }
  std::optional<SchemaText> schema() const override { return schema_; }

 private:
  const std::shared_ptr<const Payload> payload_;
  const SchemaText schema_;
};

Opened open_random(std::string_view rest, const PayloadSettings& settings) {
  const std::size_t comma = std::min(rest.find(','), rest.size());
  const auto size = parse_size(rest.substr(0, comma));
  if (!size || *size == 0 || *size > kPayloadBytesMax)
    return wrong_use(fmt::format("'{}' is not a size from 1 to 1 MiB", rest.substr(0, comma)),
                     "random:100, or random:1KiB,40% where a codec saves 40 %");
  double share = 0;
  if (comma < rest.size()) {
    std::string_view text = rest.substr(comma + 1);
    const bool percent = text.ends_with('%');
    if (percent) text.remove_suffix(1);
    const auto given = parse_quantity(text);
    share = given ? *given / (percent ? 100 : 1) : -1;
    if (!(share >= 0 && share <= 1))
      return wrong_use(fmt::format("'{}' is not a share", rest.substr(comma + 1)),
                       "what a codec saves of it: 0.4 or 40%");
  }
  if (auto encoding = choose("random", settings.encoding, {Encoding::kAsIs}); !encoding)
    return std::move(encoding).error();
  return Opened(std::make_shared<RandomPayload>(*size, share));
}

Opened open_lines(const std::string& path, const PayloadSettings& settings) {
  auto text = read_file(path, kFileBytesMax);
  if (!text) return std::move(text).error();
  const auto encoding = choose("file", settings.encoding, {Encoding::kAsIs, Encoding::kJson});
  if (!encoding) return encoding.error();
  std::vector<std::string> lines;
  std::size_t number = 0;
  for (std::string_view rest = *text; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    ++number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    if (line.size() > kPayloadBytesMax)
      return wrong_use(fmt::format("{}:{}: this line has more than 1 MiB", path, number));
    if (*encoding == Encoding::kJson && !nlohmann::json::accept(line))
      return wrong_use(fmt::format("{}:{}: this line is no JSON", path, number));
    lines.emplace_back(line);
  }
  if (lines.empty()) return wrong_use(fmt::format("{} has no line", path));
  return Opened(std::make_shared<LinesPayload>(std::move(lines), *encoding == Encoding::kJson));
}

Opened open_template(const std::string& path, const PayloadSettings& settings) {
  const auto encoding = choose("template", settings.encoding, {Encoding::kAsIs, Encoding::kJson});
  if (!encoding) return encoding.error();
  const auto text = read_file(path, kSchemaBytesMax);
  if (!text) return text.error();
  auto payload = parse_template(*text, path, settings.seed, *encoding);
  if (!payload || *encoding != Encoding::kJson) return payload;
  // Whoever asks for JSON hears here that it is none, not from those who read it.
  constexpr std::uint64_t kLooks = 16;
  for (std::uint64_t n = 0; n < kLooks; ++n) {
    Image image;
    (*payload)->draw(n, image);
    const ByteVec made = made_of(image, {.seed = settings.seed, .record = n});
    if (!nlohmann::json::accept(as_text(made)))
      return wrong_use(fmt::format("{}: this is no JSON: {}", path, as_text(made).substr(0, 200)),
                       "leave --encoding json out to send it as it is");
  }
  return payload;
}

Opened open_schema(const std::string& path, const PayloadSettings& settings) {
  const auto text = read_file(path, kSchemaBytesMax);
  if (!text) return text.error();
  if (path.ends_with(".avsc")) {
    const auto encoding = choose("schema", settings.encoding, {Encoding::kAvro, Encoding::kJson});
    if (!encoding) return encoding.error();
    std::vector<NamedText> others;
    for (const auto& [name, file] : settings.references) {
      auto other = read_file(file, kSchemaBytesMax);
      if (!other) return std::move(other).error();
      others.push_back({name, file, std::move(*other)});
    }
    return avro_payload(*text, path, others, settings.seed, *encoding);
  }
  if (path.ends_with(".json")) {
    const auto encoding = choose("schema", settings.encoding, {Encoding::kJson});
    if (!encoding) return encoding.error();
    return json_schema_payload(*text, path, settings.seed);
  }
  return wrong_use(fmt::format("what kind of schema {} is its name does not say", path),
                   "a file that ends in .avsc (Avro) or .json (JSON Schema)");
}

/// PATH, or PATH:MESSAGE.
Opened open_protobuf(std::string path, const PayloadSettings& settings) {
  const auto encoding =
      choose("protobuf", settings.encoding, {Encoding::kProtobuf, Encoding::kJson});
  if (!encoding) return encoding.error();
  std::string message;
  if (const std::size_t colon = path.rfind(':'); colon != std::string::npos) {
    message = path.substr(colon + 1);
    path.resize(colon);
  }
  return protobuf_payload(path, message, settings.seed, *encoding);
}

Opened open_reading(std::string_view rest, const PayloadSettings& settings) {
  const auto encoding = choose("reading", settings.encoding, {Encoding::kJson, Encoding::kAvro});
  if (!encoding) return encoding.error();
  auto distribution = parse_distribution(rest.empty() ? "normal:20,5" : rest);
  if (!distribution) return std::move(distribution).error();
  return Opened(
      std::make_shared<ReadingPayload>(std::move(*distribution), settings.seed, *encoding));
}

}  // namespace

std::string_view name_of(Encoding encoding) {
  switch (encoding) {
    case Encoding::kAvro:
      return "avro";
    case Encoding::kJson:
      return "json";
    case Encoding::kProtobuf:
      return "protobuf";
    case Encoding::kAsIs:
      break;
  }
  return "bytes";
}

namespace {

Opened open_by_kind(std::string_view name, const PayloadSettings& settings) {
  const std::size_t colon = std::min(name.find(':'), name.size());
  const std::string_view kind = name.substr(0, colon);
  const std::string rest(colon < name.size() ? name.substr(colon + 1) : "");
  if (kind == "reading") return open_reading(rest, settings);
  if (kind == "random") return open_random(rest, settings);
  const bool named = !rest.empty();
  if (kind == "file" && named) return open_lines(rest, settings);
  if (kind == "template" && named) return open_template(rest, settings);
  if (kind == "schema" && named) return open_schema(rest, settings);
  if (kind == "protobuf" && named) return open_protobuf(rest, settings);
  return wrong_use(fmt::format("'{}' is not a payload", name),
                   "tweet, reading, template:PATH, schema:PATH.avsc, schema:PATH.json, "
                   "protobuf:PATH:MESSAGE, file:PATH or random:N");
}

}  // namespace

Result<std::shared_ptr<const Payload>> open_payload(std::string_view name,
                                                    const PayloadSettings& settings) {
  auto payload = open_by_kind(name, settings);
  if (!payload || settings.schema.empty()) return payload;
  if ((*payload)->schema() || (*payload)->encoding() != Encoding::kJson)
    return wrong_use(
        fmt::format("{} takes no schema from a file", name),
        "--schema is for JSON without one: template:PATH or file:PATH with --encoding json");
  const auto text = read_file(settings.schema, kSchemaBytesMax);
  if (!text) return text.error();
  if (!nlohmann::json::accept(*text))
    return wrong_use(fmt::format("{} is no JSON Schema", settings.schema));
  return Opened(std::make_shared<WithSchema>(std::move(*payload), SchemaText{"JSON", *text}));
}

const Image& ImagePool::image(std::uint64_t seed, std::uint64_t record, Image& fresh) const {
  if (!images.empty()) return images[pick(seed, record)];
  fresh.clear();
  fresh.bytes.assign(frame.begin(), frame.end());
  payload->draw(record, fresh);
  return fresh;
}

std::shared_ptr<const ImagePool> make_pool(std::shared_ptr<const Payload> payload, ByteVec frame,
                                           std::size_t variants) {
  auto pool = std::make_shared<ImagePool>();
  if (payload->images() > 0) variants = payload->images();
  if (!payload->pooled()) variants = 0;
  // Without a pool a few are looked at for their size.
  const std::size_t looks = variants > 0 ? variants : 64;
  std::size_t bytes = 0;
  for (std::size_t n = 0; n < looks && (bytes < kPoolBytesMax || payload->in_order()); ++n) {
    Image image;
    image.bytes = frame;
    payload->draw(n, image);
    image.bytes.shrink_to_fit();
    bytes += image.bytes.size();
    pool->bytes_max = std::max(pool->bytes_max, image.bytes_max());
    if (variants > 0) pool->images.push_back(std::move(image));
  }
  if (!pool->images.empty() && bytes <= kSheetBytesMax)
    pool->sheet = std::make_unique<const ImageSheet>(pool->images);
  pool->in_order = payload->in_order();
  pool->payload = std::move(payload);
  pool->frame = std::move(frame);
  return pool;
}

}  // namespace ds
