#include "record/payload/image_ink.h"

#include <algorithm>

#include "base/check.h"

#if defined(__x86_64__)
#include <immintrin.h>
#define DATASTORM_INK "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,bmi2"
#endif

namespace ds {
namespace {

constexpr std::size_t kImagesBytesMax = 1 << 20;  // twice as many lie in a layout

bool has_vbmi() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("bmi2");
#else
  return false;
#endif
}

}  // namespace

void InkLayout::take(std::span<const std::array<std::uint8_t, kSharedBytesMax>> texts_now) {
  for (std::size_t i = 0; i < texts.size(); ++i)
    std::copy_n(texts_now[i].begin(), texts[i].size, ink.begin() + texts[i].at);
}

void InkLayout::take_hundreds(Number& number, std::uint64_t hundreds) {
  std::uint8_t digits[kDecimalMax];
  if (number.size > 2) {
    put_decimal(digits, static_cast<std::int64_t>(hundreds));
    std::copy_n(digits, number.size - 2, ink.begin() + number.hundreds_at);
  }
  number.hundreds = hundreds;
}

#if defined(__x86_64__)
/// Holds the ink.
class InkLayout::Pen {
 public:
  [[gnu::target(DATASTORM_INK), gnu::always_inline]] Pen(InkLayout& layout,
                                                         const RecordFacts& first)
      : layout_(layout), numbers_(layout.numbers), uuid_salt_(layout.uuid_salt), first_(first) {
    load();
  }

  /// Takes the ink for the i-th record.
  [[gnu::target(DATASTORM_INK), gnu::always_inline]] void dip(std::uint64_t i) {
    while (!try_dip(i)) load();
  }
  /// Sets a line, where it says that it is from the ink.
  [[gnu::target(DATASTORM_INK), gnu::always_inline]] void set(std::uint8_t* to, const Line& line,
                                                              const Line& from) const {
    const __m512i where = _mm512_load_si512(from.bytes.data());
    const __m512i inked = _mm512_permutex2var_epi8(low_, where, high_);
    static_assert(kStays == 128);  // a byte's sign
    _mm512_storeu_si512(
        to, _mm512_mask_loadu_epi8(inked, _mm512_movepi8_mask(where), line.bytes.data()));
  }

 private:
  [[gnu::target(DATASTORM_INK), gnu::always_inline]] void load() {
    all_low_ = _mm512_load_si512(layout_.ink.data());
    all_high_ = _mm512_load_si512(layout_.ink.data() + kLine);
  }
  /// False where a number's hundreds were new, which are to be loaded.
  [[gnu::target(DATASTORM_INK), gnu::always_inline]] bool try_dip(std::uint64_t i) {
    low_ = all_low_;
    high_ = all_high_;
    for (Number& number : numbers_) {
      const std::uint64_t n = (number.of_record ? first_.record : first_.sequence) + i,
                          value = number.start + number.step * n;
      if (number.form == Number::Form::kDigits) {
        const std::uint64_t hundreds = value / 100;
        if (hundreds != number.hundreds) [[unlikely]] {
          layout_.take_hundreds(number, hundreds);
          return false;
        }
        std::int16_t two;
        std::memcpy(&two, kDigitPairs.data() + 2 * (value - 100 * hundreds), sizeof two);
        const std::uint64_t there = std::uint64_t{1} << (number.at / 2);
        low_ = _mm512_mask_set1_epi16(low_, static_cast<__mmask32>(there), two);
        high_ = _mm512_mask_set1_epi16(high_, static_cast<__mmask32>(there >> 32), two);
      } else {
        const bool zigzags = number.form == Number::Form::kZigzag;
        const auto word = static_cast<long long>(
            varint_word(zigzags ? zigzag(static_cast<std::int64_t>(value)) : value, number.size));
        const std::uint32_t there = std::uint32_t{1} << (number.at / 8);
        low_ = _mm512_mask_set1_epi64(low_, static_cast<__mmask8>(there), word);
        high_ = _mm512_mask_set1_epi64(high_, static_cast<__mmask8>(there >> 8), word);
      }
    }
    if (uuid_salt_) {
      RecordFacts facts = first_;
      facts.record += i;
      const UuidDigits digits = uuid_digits(*uuid_salt_, facts);
      static_assert(kUuidAt == kLine);  // the first in the upper register
      high_ = _mm512_inserti64x2(high_, reinterpret_cast<__m128i>(digits.first), 0);
      high_ = _mm512_inserti64x2(high_, reinterpret_cast<__m128i>(digits.second), 1);
    }
    return true;
  }

  InkLayout& layout_;
  const std::span<Number> numbers_;
  const std::optional<std::uint64_t> uuid_salt_;
  const RecordFacts first_;
  __m512i all_low_, all_high_;  // as the layout has it
  __m512i low_, high_;          // with what is the record's own
};

[[gnu::target(DATASTORM_INK)]] void InkLayout::put(std::span<const ByteView> made,
                                                   const std::uint32_t* picked,
                                                   const RecordFacts& first) {
  Pen pen(*this, first);
  // What is written might be any of these.
  const Line *const all_lines = lines.data(), *const all_froms = froms.data();
  const Laid* const all_images = images.data();
  const std::uint32_t same = same_lines;
  for (std::size_t i = 0; i < made.size(); ++i) {
    const Laid& image = all_images[picked[i]];
    const Line *line = all_lines + image.line, *from = all_froms + image.from;
    auto* to = const_cast<std::uint8_t*>(made[i].data());
    pen.dip(i);
    for (std::uint32_t left = same != 0 ? same : image.lines; left > 0;
         --left, ++line, ++from, to += kLine)
      pen.set(to, *line, *from);
  }
}
#else
void InkLayout::put(std::span<const ByteView>, const std::uint32_t*, const RecordFacts&) {
  check(false, "not usable");
}
#endif

bool InkLayer::takes(const ImageSheet& sheet) {
  using enum ImageSheet::Kind;
  std::size_t bytes = 0;
  for (const Image& image : sheet.images_) bytes += image.bytes.size();
  const bool uuids = std::ranges::count_if(sheet.others_, [](const Patch& patch) {
                       return patch.what == Patch::What::kUuid;
                     }) > 1;
  const auto fits = [](const auto& places) {
    return std::ranges::all_of(places, [](const auto& place) {
      const bool wide = place.kind == kVarint && place.width > 8;
      return !wide && place.kind != kNoise && place.kind != kOther;
    });
  };
  return has_vbmi() && bytes <= kImagesBytesMax && !uuids &&
         std::ranges::all_of(sheet.places_, fits);
}

std::unique_ptr<InkLayout> InkLayer::lay() {
  layout_ = std::make_unique<InkLayout>();
  if (!place_ink()) return nullptr;
  std::uint32_t least = ~std::uint32_t{0}, most = 0;
  for (std::size_t i = 0; i < sheet_.images_.size(); ++i) {
    lay(i);
    least = std::min(least, layout_->images.back().size);
    most = std::max(most, layout_->images.back().lines);
  }
  const bool alike =
      most * InkLayout::kLine - std::min<std::size_t>(least, most * InkLayout::kLine) <= kCopySlack;
  if (alike) layout_->same_lines = most;
  // Lines are read past a short image's, and called.
  constexpr std::size_t kMore = kCopySlack / InkLayout::kLine + 1;
  layout_->lines.resize(layout_->lines.size() + kMore);
  layout_->froms.resize(layout_->froms.size() + kMore);
  return std::move(layout_);
}

std::optional<std::uint8_t> InkLayer::room(std::size_t bytes, std::size_t multiple_of) {
  for (std::size_t at = 0; at + bytes <= taken_.size(); at += multiple_of) {
    const auto there = std::span(taken_).subspan(at, bytes);
    if (std::ranges::count(there, true) != 0) continue;
    std::ranges::fill(there, true);
    return static_cast<std::uint8_t>(at);
  }
  return std::nullopt;
}

/// Where everything stands in the ink: first what has to stand at certain places.
bool InkLayer::place_ink() {
  using Form = InkLayout::Number::Form;
  bool fits = true;
  const auto take = [&](std::size_t bytes, std::size_t multiple_of) {
    const auto at = room(bytes, multiple_of);
    fits = fits && at;
    return at.value_or(0);
  };
  for (const Patch& patch : sheet_.others_)
    if (patch.what == Patch::What::kUuid) {
      layout_->uuid_salt = patch.salt;
      std::ranges::fill(std::span(taken_).subspan(InkLayout::kUuidAt, 32), true);
    }
  for (std::size_t i = 0; i < sheet_.counters_.size(); ++i) {
    const ImageSheet::Counter& counter = sheet_.counters_[i];
    const std::uint8_t size = sizes_[sheet_.texts_.size() + i];
    fits = fits && (counter.in_digits || size <= 8);
    layout_->numbers.push_back({.start = static_cast<std::uint64_t>(counter.start),
                                .step = static_cast<std::uint64_t>(counter.step),
                                .of_record = counter.of_record,
                                .form = counter.in_digits ? Form::kDigits : Form::kZigzag,
                                .size = size,
                                .at = counter.in_digits ? take(2, 2) : take(8, 8),
                                .hundreds_at = 0,
                                .hundreds = 0});
  }
  number_of_other_.resize(sheet_.others_.size());
  for (std::size_t i = 0; i < sheet_.others_.size(); ++i) {
    const Patch& patch = sheet_.others_[i];
    if (patch.what == Patch::What::kUuid) continue;
    number_of_other_[i] = layout_->numbers.size();
    layout_->numbers.push_back(
        {.start = static_cast<std::uint64_t>(patch.start),
         .step = static_cast<std::uint64_t>(patch.step),
         .of_record = patch.what == Patch::What::kRecord,
         .form = patch.form == Patch::Form::kZigzagOf ? Form::kZigzag : Form::kPlain,
         .size = static_cast<std::uint8_t>(patch.width),
         .at = take(8, 8),
         .hundreds_at = 0,
         .hundreds = 0});
  }
  for (InkLayout::Number& number : layout_->numbers)
    if (number.form == Form::kDigits && number.size > 2)
      number.hundreds_at = take(number.size - 2u, 1);
  for (std::size_t i = 0; i < sheet_.texts_.size(); ++i)
    layout_->texts.push_back({take(sizes_[i], 1), sizes_[i]});
  return fits;
}

void InkLayer::lay(std::size_t image) {
  using enum ImageSheet::Kind;
  text_.clear();
  from_.clear();
  const ByteView bytes(sheet_.images_[image].bytes);
  std::size_t copied = 0;
  const auto copy_to = [&](std::size_t end) {
    text_.insert(text_.end(), bytes.begin() + static_cast<std::ptrdiff_t>(copied),
                 bytes.begin() + static_cast<std::ptrdiff_t>(end));
    from_.resize(text_.size(), InkLayout::kStays);
  };
  const auto ink = [&](std::size_t at, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) {
      text_.push_back(0);
      from_.push_back(static_cast<std::uint8_t>(at + i));
    }
  };
  const auto ink_number = [&](const InkLayout::Number& number) {
    if (number.form != InkLayout::Number::Form::kDigits) return ink(number.at, number.size);
    if (number.size == 1) return ink(number.at + 1u, 1);
    ink(number.hundreds_at, number.size - 2u);
    ink(number.at, 2);
  };
  for (const auto& place : sheet_.places_[image]) {
    copy_to(place.at);
    copied = place.at + place.width;
    if (place.kind == kText) {
      ink(layout_->texts[place.number].at, layout_->texts[place.number].size);
    } else if (place.kind == kUuid) {
      std::array<std::uint8_t, kUuidLength> dashes = {};
      put_uuid_dashes(dashes.data());
      for (std::size_t i = 0, digit = 0; i < dashes.size(); ++i) {
        text_.push_back(dashes[i]);
        from_.push_back(dashes[i] != 0 ? InkLayout::kStays
                                       : static_cast<std::uint8_t>(InkLayout::kUuidAt + digit++));
      }
    } else {
      ink_number(
          layout_->numbers[place.kind == kVarint ? number_of_other_[place.number] : place.number]);
    }
  }
  copy_to(bytes.size());

  const auto put_lines = [](const ByteVec& bytes_of, std::uint8_t rest,
                            std::vector<InkLayout::Line>& to) {
    const auto first = static_cast<std::uint32_t>(to.size());
    for (std::size_t at = 0; at < bytes_of.size(); at += InkLayout::kLine) {
      InkLayout::Line& line = to.emplace_back();
      line.bytes.fill(rest);
      std::copy_n(bytes_of.begin() + static_cast<std::ptrdiff_t>(at),
                  std::min(InkLayout::kLine, bytes_of.size() - at), line.bytes.begin());
    }
    return first;
  };
  const auto [from, is_new] = froms_.emplace(from_, 0);
  if (is_new) from->second = put_lines(from_, InkLayout::kStays, layout_->froms);
  const std::uint32_t line = put_lines(text_, 0, layout_->lines);
  layout_->images.push_back({.size = static_cast<std::uint32_t>(text_.size()),
                             .line = line,
                             .from = from->second,
                             .lines = static_cast<std::uint32_t>(layout_->lines.size()) - line});
}

}  // namespace ds
