// The visitors behind codec.h. Included by messages/*.cc alone, each of which instantiates
// Codec<M> for its messages (all of them at once take a dozen seconds to compile).
//
// One idea serves all: T::fields(value, visitor) calls visitor(name, field, when) for each field in
// the order of the wire. Tagged fields are passed over in that walk, and gathered by a second one
// at the end of their struct.
#pragma once

#include <algorithm>
#include <utility>

#include "base/json_writer.h"
#include "base/varint.h"
#include "kafka/wire/codec.h"

namespace ds::kafka {

constexpr std::size_t kStringBytesMax = 0x7fff;  // Kafka's limit in every version

/// Whether a tagged field is written: not while it holds its default.
template <typename T>
bool is_sent(const T& field, When when, int version) {
  if (!when.tagged() || !when.holds(version)) return false;
  if constexpr (WireNumber<T>)
    return static_cast<std::int64_t>(field) != when.tag_default;
  else
    return !(field == T{});
}

// Where an encoder's bytes go.

class ByteSink {
 public:
  explicit ByteSink(ByteVec& out) : out_(out) {}
  void put(const void* bytes, std::size_t size) {
    const auto* from = static_cast<const std::uint8_t*>(bytes);
    out_.insert(out_.end(), from, from + size);
  }
  void put_records(ByteView records) { put(records.data(), records.size()); }

 private:
  ByteVec& out_;
};

class GatherSink : public ByteSink {
 public:
  explicit GatherSink(Gathered& out) : ByteSink(out.head), out_(out) {}
  void put_records(ByteView records) {
    out_.cuts.push_back({.at = out_.head.size(), .records = records});
  }

 private:
  Gathered& out_;
};

class CountSink {
 public:
  void put(const void*, std::size_t size) { size_ += size; }
  void put_records(ByteView records) { size_ += records.size(); }
  std::size_t size() const { return size_; }

 private:
  std::size_t size_ = 0;
};

template <typename Sink>
class Encoder {
 public:
  Encoder(Sink& sink, int version, bool flexible)
      : sink_(sink), version_(version), flexible_(flexible) {}

  template <typename T>
  void operator()(std::string_view, const T& field, When when = {}) {
    if (when.tagged() || !when.holds(version_)) return;
    if constexpr (is_optional<T>) {
      if (!field && version_ < when.null_first) return put(typename T::value_type{});
    }
    put(field);
  }

  template <typename T>
  void put(const T& value) {
    if constexpr (is_optional<T>) {
      if (value) return put(*value);
      put_null<typename T::value_type>();
    } else if constexpr (std::is_enum_v<T>) {
      put(static_cast<std::underlying_type_t<T>>(value));
    } else if constexpr (std::same_as<T, bool>) {
      put(static_cast<std::int8_t>(value ? 1 : 0));
    } else if constexpr (std::integral<T>) {
      const T swapped = swap_bytes(value);
      sink_.put(&swapped, sizeof swapped);
    } else if constexpr (std::same_as<T, Uuid>) {
      sink_.put(value.bytes.data(), value.bytes.size());
    } else if constexpr (std::same_as<T, std::string>) {
      check(value.size() <= kStringBytesMax, "a Kafka string over 32767 bytes");
      put_length<std::int16_t>(value.size());
      sink_.put(value.data(), value.size());
    } else if constexpr (std::same_as<T, ByteVec>) {
      put_length<std::int32_t>(value.size());
      sink_.put(value.data(), value.size());
    } else if constexpr (std::same_as<T, Records>) {
      put_length<std::int32_t>(value.bytes.size());
      sink_.put_records(value.bytes);
    } else if constexpr (is_array<T>) {
      put_length<std::int32_t>(value.size());
      for (const auto& each : value) put(each);
    } else {
      T::fields(value, *this);
      if (flexible_) put_tags(value);
    }
  }

 private:
  void put_uvarint(std::uint64_t value) {
    std::uint8_t bytes[kVarintBytesMax];
    sink_.put(bytes, static_cast<std::size_t>(put_varint(bytes, value) - bytes));
  }

  template <std::integral Fixed>
  void put_length(std::size_t length) {
    if (flexible_)
      put_uvarint(length + 1);
    else
      put(static_cast<Fixed>(length));
  }

  template <typename T>
  void put_null() {
    if (flexible_)
      put_uvarint(0);
    else if constexpr (std::same_as<T, std::string>)
      put(std::int16_t{-1});
    else
      put(std::int32_t{-1});
  }

  template <typename T>
  void put_tags(const T& value) {
    std::uint64_t count = 0;
    auto counting = [&](std::string_view, const auto& field, When when = {}) {
      if (is_sent(field, when, version_)) ++count;
    };
    T::fields(value, counting);
    put_uvarint(count);
    auto writing = [&](std::string_view, const auto& field, When when = {}) {
      if (!is_sent(field, when, version_)) return;
      CountSink size;
      Encoder<CountSink>(size, version_, flexible_).put(field);
      put_uvarint(static_cast<std::uint64_t>(when.tag_number));
      put_uvarint(size.size());
      put(field);
    };
    if (count > 0) T::fields(value, writing);
  }

  Sink& sink_;
  const int version_;
  const bool flexible_;
};

template <typename T>
std::size_t size_of(const T& value, int version, bool flexible) {
  CountSink size;
  Encoder<CountSink>(size, version, flexible).put(value);
  return size.size();
}

/// Reads what Encoder writes. The first failure stops it: everything after is left as it was.
class Decoder {
 public:
  Decoder(ByteView bytes, int version, bool flexible)
      : rest_(bytes), version_(version), flexible_(flexible) {}

  template <typename T>
  void operator()(std::string_view name, T& field, When when = {}) {
    if (when.tagged() || !when.holds(version_) || failed()) return;
    take(field, version_ >= when.null_first);
    if (failed()) where_ = where_.empty() ? std::string(name) : fmt::format("{}.{}", name, where_);
  }

  template <typename T>
  void take(T& value, bool nullable = true) {
    if constexpr (is_optional<T>) {
      take_optional(value, nullable);
    } else if constexpr (std::is_enum_v<T>) {
      std::underlying_type_t<T> number{};
      take(number);
      value = static_cast<T>(number);
    } else if constexpr (std::same_as<T, bool>) {
      std::int8_t number = 0;
      take(number);
      value = number != 0;
    } else if constexpr (std::integral<T>) {
      const ByteView bytes = take_bytes(sizeof(T));
      if (!failed()) value = load_be<T>(bytes.data());
    } else if constexpr (std::same_as<T, Uuid>) {
      const ByteView bytes = take_bytes(value.bytes.size());
      if (!failed()) std::ranges::copy(bytes, value.bytes.begin());
    } else if constexpr (is_array<T> || has_length<T>) {
      const std::int64_t length = take_length<T>();
      if (length < 0)
        fail("is null, which it must not be");
      else
        take_content(value, static_cast<std::size_t>(length));
    } else {
      T::fields(value, *this);
      if (flexible_ && !failed()) take_tags(value);
    }
  }

  bool failed() const { return !what_.empty(); }
  ByteView rest() const { return rest_; }
  /// "Topics.Partitions wants 4 bytes, 2 are left".
  std::string failure() const {
    return where_.empty() ? what_ : fmt::format("{} {}", where_, what_);
  }

 private:
  template <typename T>
  static constexpr bool has_length =
      std::same_as<T, std::string> || std::same_as<T, ByteVec> || std::same_as<T, Records>;

  void fail(std::string what) {
    if (what_.empty()) what_ = std::move(what);
  }

  ByteView take_bytes(std::size_t size) {
    if (failed()) return {};
    if (size > rest_.size()) {
      fail(fmt::format("wants {} bytes, {} are left", size, rest_.size()));
      return {};
    }
    const ByteView taken = rest_.first(size);
    rest_ = rest_.subspan(size);
    return taken;
  }

  std::uint64_t take_uvarint() {
    const auto value = take_varint(rest_);
    if (!value) fail("is cut short, or is no number");
    return value.value_or(0);
  }

  /// -1 for null. Any other length is at least possible; the content is checked by take_content().
  template <typename T>
  std::int64_t take_length() {
    std::int64_t length = 0;
    if (flexible_) {
      const std::uint64_t plus_one = take_uvarint();
      if (plus_one > std::numeric_limits<std::int32_t>::max()) {
        fail(fmt::format("has the impossible length {}", plus_one - 1));
        return 0;
      }
      length = static_cast<std::int64_t>(plus_one) - 1;
    } else if constexpr (std::same_as<T, std::string>) {
      std::int16_t fixed = 0;
      take(fixed);
      length = fixed;
    } else {
      std::int32_t fixed = 0;
      take(fixed);
      length = fixed;
    }
    if (failed()) return 0;
    if (length < -1) fail(fmt::format("has the impossible length {}", length));
    if (std::same_as<T, std::string> && length > static_cast<std::int64_t>(kStringBytesMax))
      fail(fmt::format("has {} bytes, more than a Kafka string may", length));
    return failed() ? 0 : length;
  }

  template <typename T>
  void take_content(T& value, std::size_t length) {
    if constexpr (is_array<T>) {
      take_elements(value, length);
    } else {
      const ByteView bytes = take_bytes(length);
      if (failed()) return;
      if constexpr (std::same_as<T, Records>)
        value.bytes = bytes;
      else
        value.assign(bytes.begin(), bytes.end());
    }
  }

  /// No element is smaller than an empty one, so what cannot be there is refused before any memory
  /// is asked for.
  template <typename T>
  void take_elements(std::vector<T>& value, std::size_t count) {
    if (failed()) return;
    const std::size_t least = std::max<std::size_t>(1, size_of(T{}, version_, flexible_));
    if (count > rest_.size() / least)
      return fail(fmt::format("counts {} elements of at least {} bytes, {} are left", count, least,
                              rest_.size()));
    value.clear();
    value.reserve(count);
    for (std::size_t i = 0; i < count && !failed(); ++i) take(value.emplace_back());
  }

  template <typename T>
  void take_optional(std::optional<T>& value, bool nullable) {
    const std::int64_t length = take_length<T>();
    if (failed()) return;
    value.reset();
    if (length >= 0)
      take_content(value.emplace(), static_cast<std::size_t>(length));
    else if (!nullable)
      fail(fmt::format("is null, which version {} does not allow", version_));
  }

  template <typename T>
  void take_tags(T& value) {
    std::uint64_t count = take_uvarint();
    for (; count > 0 && !failed(); --count) {
      const std::uint64_t number = take_uvarint();
      const std::uint64_t size = take_uvarint();
      const ByteView bytes = take_bytes(size);
      if (failed()) return;
      auto reading = [&](std::string_view name, auto& field, When when = {}) {
        if (!when.tagged() || static_cast<std::uint64_t>(when.tag_number) != number) return;
        if (!when.holds(version_)) return;
        Decoder inner(bytes, version_, flexible_);
        inner.take(field);
        if (inner.failed())
          fail(fmt::format("tagged field {}: {}", name, inner.failure()));
        else if (!inner.rest().empty())
          fail(fmt::format("tagged field {}: {} bytes too many", name, inner.rest().size()));
      };
      T::fields(value, reading);
    }
  }

  ByteView rest_;
  const int version_;
  const bool flexible_;
  std::string what_;
  std::string where_;
};

std::string to_base64(ByteView bytes, bool url);

/// Writes what the version holds, as Kafka's own JSON converters would; or, when not `whole`,
/// lengths in place of bytes.
class MessageJson {
 public:
  MessageJson(std::string& out, int version, bool whole)
      : out_(out), version_(version), whole_(whole) {}

  template <typename T>
  void operator()(std::string_view name, const T& field, When when = {}) {
    if (!when.holds(version_)) return;
    if (when.tagged() && !is_sent(field, when, version_)) return;
    if (!first_) out_ += ',';
    first_ = false;
    out_ += '"';
    out_ += static_cast<char>(name[0] | 0x20);  // Kafka's names begin with a letter
    out_ += name.substr(1);
    out_ += "\":";
    if constexpr (is_optional<T>) {
      if (!field && version_ < when.null_first) return put(typename T::value_type{});
    }
    put(field);
  }

  template <typename T>
  void put(const T& value) {
    if constexpr (is_optional<T>) {
      if (value)
        put(*value);
      else
        out_ += "null";
    } else if constexpr (std::same_as<T, bool>) {
      out_ += value ? "true" : "false";
    } else if constexpr (WireNumber<T>) {
      fmt::format_to(std::back_inserter(out_), "{}", static_cast<std::int64_t>(value));
    } else if constexpr (std::same_as<T, std::string>) {
      append_json_string(out_, value);
    } else if constexpr (std::same_as<T, ByteVec>) {
      put_bytes(value);
    } else if constexpr (std::same_as<T, Records>) {
      put_bytes(whole_ ? ByteView{} : value.bytes);
    } else if constexpr (std::same_as<T, Uuid>) {
      out_ += '"' + to_base64(value.bytes, true) + '"';
    } else if constexpr (is_array<T>) {
      out_ += '[';
      bool first = true;
      for (const auto& each : value) {
        if (!std::exchange(first, false)) out_ += ',';
        put(each);
      }
      out_ += ']';
    } else {
      out_ += '{';
      MessageJson inner(out_, version_, whole_);
      T::fields(value, inner);
      out_ += '}';
    }
  }

 private:
  void put_bytes(ByteView bytes) {
    if (whole_)
      out_ += '"' + to_base64(bytes, false) + '"';
    else
      fmt::format_to(std::back_inserter(out_), "\"{} bytes\"", bytes.size());
  }

  std::string& out_;
  const int version_;
  const bool whole_;
  bool first_ = true;
};

template <typename M>
void check_version(int version) {
  if (!M::api.versions.contain(version)) [[unlikely]]
    check(false, fmt::format("{} has no version {} here", M::api.name, version));
}

template <typename M>
void Codec<M>::encode(const M& message, int version, ByteVec& out) {
  check_version<M>(version);
  ByteSink sink(out);
  Encoder<ByteSink>(sink, version, M::api.flexible(version)).put(message);
}

template <typename M>
void Codec<M>::gather(const M& message, int version, Gathered& out) {
  check_version<M>(version);
  GatherSink sink(out);
  Encoder<GatherSink>(sink, version, M::api.flexible(version)).put(message);
}

template <typename M>
std::size_t Codec<M>::size(const M& message, int version) {
  check_version<M>(version);
  return size_of(message, version, M::api.flexible(version));
}

template <typename M>
Result<M> Codec<M>::decode(ByteView body, int version, Leftover leftover) {
  const auto refuse = [&](std::string why) {
    return Error{.code = ErrorCode::kProtocol,
                 .message = fmt::format("{}{} v{}: {}", M::api.name, direction_name(M::direction),
                                        version, why)};
  };
  if (!M::api.versions.contain(version)) return refuse("no such version here");
  M message;
  Decoder decoder(body, version, M::api.flexible(version));
  decoder.take(message);
  if (decoder.failed()) return refuse(decoder.failure());
  if (leftover == Leftover::kRefused && !decoder.rest().empty())
    return refuse(fmt::format("{} bytes too many", decoder.rest().size()));
  return message;
}

template <typename M>
void Codec<M>::append_json(const M& message, int version, bool whole, std::string& out) {
  check_version<M>(version);
  MessageJson(out, version, whole).put(message);
}

}  // namespace ds::kafka
