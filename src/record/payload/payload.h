// Whatever a storm sends that is no tweet: an endless list of images, number n of which follows
// from (seed, n) alone.
//
//   template:PATH          a text with placeholders                     text_template.h
//   schema:PATH.avsc       values of an Avro schema                     avro_schema.h
//   schema:PATH.json       values of a JSON Schema                      json_schema.h
//   protobuf:PATH[:NAME]   values of a message                          protobuf_schema.h
//   file:PATH              the file's lines, in order
//   random:N[,SHARE]       N bytes, of which the share SHARE can be made smaller by a codec
//   reading[:DISTRIBUTION] a sensor's reading; the stream is the sensor
#pragma once

#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "record/payload/image.h"
#include "record/payload/image_press.h"

namespace ds {

enum class Encoding { kAsIs, kAvro, kJson, kProtobuf };
std::string_view name_of(Encoding encoding);

/// What a registry is told of a payload.
struct SchemaText {
  std::string type;  // AVRO, JSON, PROTOBUF: the registry's words
  std::string text;
  /// Of Protobuf: which message of the file, as Confluent's frame names it. {0} is the first.
  std::vector<int> message_index = {};
  /// What it refers to, each before those that refer to it: the name that it is called by in the
  /// text, and its own text.
  struct Reference {
    std::string name;
    std::string text;
    std::vector<std::string> needs = {};  // names of references of its own
  };
  std::vector<Reference> references = {};
};

/// Threads: any. Borrows nothing.
class Payload {
 public:
  virtual ~Payload() = default;

  /// Appends image `n`.
  virtual void draw(std::uint64_t n, Image& into) const = 0;
  /// The same for people to read: as JSON where it has a structure, else as it is.
  virtual void draw_readable(std::uint64_t n, Image& into) const { draw(n, into); }
  /// Whether draw_readable() gives JSON.
  virtual bool readable_is_json() const { return false; }
  /// How many different images there are; 0: no end.
  virtual std::uint64_t images() const { return 0; }
  /// Record i is image i modulo images(); else it is one of the pool's, drawn.
  virtual bool in_order() const { return false; }
  /// Whether an image may serve several records.
  virtual bool pooled() const { return true; }
  virtual Encoding encoding() const = 0;
  virtual std::optional<SchemaText> schema() const { return std::nullopt; }
};

struct PayloadSettings {
  std::uint64_t seed = 1;
  std::optional<Encoding> encoding;  // what was asked for; nothing: the payload's own
  /// A JSON Schema's file that a registry is told of texts that have none of their own.
  std::string schema;
  /// What an Avro schema refers to: the name of a type, and the file with its schema.
  std::vector<std::pair<std::string, std::string>> references = {};
};

/// A payload by its name, as above, but for the tweet. Errors say where in the file.
Result<std::shared_ptr<const Payload>> open_payload(std::string_view name,
                                                    const PayloadSettings& settings);

/// Images that every worker shares and nobody changes, each with `frame` before it.
struct ImagePool {
  std::shared_ptr<const Payload> payload;
  ByteVec frame;
  std::vector<Image> images;  // none: each record is drawn afresh
  std::size_t bytes_max = 0;  // of a record's value
  bool in_order = false;      // as the payload says
  /// The images once more; none where they are so many bytes that a copy would be felt.
  std::unique_ptr<const ImageSheet> sheet = nullptr;

  /// Which image record n is.
  std::size_t pick(std::uint64_t seed, std::uint64_t record) const {
    if (in_order) return images.size() == 1 ? 0 : record % images.size();
    const auto drawn = static_cast<unsigned __int128>(random_at(seed ^ kForPicks, record));
    return static_cast<std::size_t>((drawn * images.size()) >> 64);
  }
  /// Which the records from n on are: eight at a time, a third of the time.
  [[gnu::always_inline]] void pick_row(std::uint64_t seed, std::uint64_t record,
                                       std::span<std::uint32_t> picks) const {
    using Eight = std::uint64_t __attribute__((vector_size(64)));
    using EightPicks = std::uint32_t __attribute__((vector_size(32)));
    const std::uint64_t many = images.size();  // fits into 32 bits
    std::size_t i = 0;
    for (; i + 8 <= picks.size() && !in_order; i += 8) {
      Eight drawn = (seed ^ kForPicks) + kRandomStep * (record + i + Eight{1, 2, 3, 4, 5, 6, 7, 8});
      mix_words(drawn);
      // The upper half of the product, from those of the halves.
      drawn = ((drawn >> 32) * many + ((drawn & 0xffffffff) * many >> 32)) >> 32;
      const EightPicks eight = __builtin_convertvector(drawn, EightPicks);
      std::memcpy(picks.data() + i, &eight, sizeof eight);
    }
    for (; i < picks.size(); ++i) picks[i] = static_cast<std::uint32_t>(pick(seed, record + i));
  }
  /// Record n's image: one of the pool, or `fresh`.
  const Image& image(std::uint64_t seed, std::uint64_t record, Image& fresh) const;

 private:
  static constexpr std::uint64_t kForPicks = 0x7069636b73;
};

/// `variants` images; 0 makes none, and each record is drawn afresh.
std::shared_ptr<const ImagePool> make_pool(std::shared_ptr<const Payload> payload, ByteVec frame,
                                           std::size_t variants);

/// The largest value that a payload may have.
constexpr std::size_t kPayloadBytesMax = 1u << 20;

}  // namespace ds
