#include "record/keys.h"

#include <fmt/format.h>

#include <charconv>
#include <cstring>

#include "base/check.h"

namespace ds {
namespace {

constexpr std::uint64_t kKeySalt = 0x6b65792d73656564ULL;

}  // namespace

Result<Keys> parse_keys(std::string_view text) {
  const auto refuse = [&](std::string_view why) {
    return Error{.code = ErrorCode::kUsage,
                 .message = fmt::format("'{}' {}", text, why),
                 .hint = "none, uniform, zipf, zipf:1.2, one, brand or field:NAME"};
  };
  Keys keys;
  const std::size_t colon = std::min(text.find(':'), text.size());
  const std::string_view kind = text.substr(0, colon);
  const std::string_view rest = text.substr(std::min(colon + 1, text.size()));
  const bool bare = colon == text.size();
  if (kind == "field") {
    if (rest.empty()) return refuse("names no field");
    keys.kind = Keys::Kind::kField;
    keys.field = rest;
  } else if (kind == "zipf") {
    keys.kind = Keys::Kind::kZipf;
    const char* const end = rest.data() + rest.size();
    if (!bare) {
      const auto [stop, error] = std::from_chars(rest.data(), end, keys.exponent);
      if (error != std::errc() || stop != end || !(keys.exponent > 0) || keys.exponent > 20)
        return refuse("has no exponent above 0 and up to 20");
    }
  } else {
    if (!bare) return refuse("is no kind of keys");
    if (kind == "uniform")
      keys.kind = Keys::Kind::kUniform;
    else if (kind == "one")
      keys.kind = Keys::Kind::kOne;
    else if (kind == "brand")
      keys.kind = Keys::Kind::kBrand;
    else if (kind != "none")
      return refuse("is no kind of keys");
  }
  return keys;
}

KeyDrawer::KeyDrawer(const Keys& keys, std::uint64_t seed)
    : kind_(keys.kind), cardinality_(keys.cardinality), seed_(seed ^ kKeySalt) {
  check(cardinality_ > 0 && cardinality_ <= Keys::kCardinalityMax, "no keys to draw from");
  if (kind_ == Keys::Kind::kZipf) zipf_.emplace(keys.exponent, cardinality_);
}

std::uint64_t KeyDrawer::number(std::uint64_t record) const {
  if (kind_ == Keys::Kind::kOne) return 0;
  Random random(random_at(seed_, record));
  return zipf_ ? zipf_->draw(random) - 1 : random.below(cardinality_);
}

void KeyDrawer::put(std::uint64_t record, char* to) const {
  std::memcpy(to, "key-", 4);
  auto rest = static_cast<std::uint32_t>(number(record));
  for (int i = 11; i >= 4; --i, rest /= 10) to[i] = static_cast<char>('0' + rest % 10);
}

}  // namespace ds
