#include "record/payload/image_press.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/varint.h"

namespace ds {
namespace {

bool is_shared(const Patch& patch) {
  using enum Patch::What;
  const bool of_its_own = patch.what == kRecord || patch.what == kSequence || patch.what == kUuid ||
                          patch.what == kNoise;
  return !of_its_own && patch.width <= kSharedBytesMax;
}
std::size_t size_max(const Patch& patch) {
  return patch.width == 0 ? kDecimalMax : patch.width;
}
Patch placeless(Patch patch) {
  patch.at = 0;
  return patch;
}

/// Where `what` is in the list, put there when it is new.
template <typename What>
std::uint16_t number_in(std::vector<What>& list, const What& what) {
  const auto found = std::ranges::find(list, what);
  const auto number = found - list.begin();
  check(number < 1 << 16, "a pool with so many kinds of places");
  if (found == list.end()) list.push_back(what);
  return static_cast<std::uint16_t>(number);
}

ByteView behind(const Image& image, std::size_t i) {
  const std::size_t from = image.patches[i].at + image.patches[i].width;
  const std::size_t to =
      i + 1 < image.patches.size() ? image.patches[i + 1].at : image.bytes.size();
  return ByteView(image.bytes).subspan(from, to - from);
}

/// Few sizes of copies instead of many: a branch guessed wrong costs more than a hundred bytes.
[[gnu::always_inline]] inline std::uint8_t* copy_roundly(std::uint8_t* to, const std::uint8_t* from,
                                                         std::size_t size) {
  if (size <= 32)
    std::memcpy(to, from, 32);
  else if (size <= 128)
    std::memcpy(to, from, 128);
  else
    std::memcpy(to, from, size);
  return to + size;
}

}  // namespace

/// What all images of a pool have alike.
class ImageSheet::Layout {
 public:
  explicit Layout(std::span<const Image> images) {
    const Image& first = images.front();
    const auto has_these_places = [&](const Image& image) {
      return std::ranges::equal(image.patches, first.patches, {}, placeless, placeless);
    };
    alike_.assign(first.patches.size(), std::ranges::all_of(images, has_these_places));
    for (std::size_t i = 0; i < alike_.size(); ++i)
      alike_[i] = alike_[i] && std::ranges::all_of(images, [&](const Image& image) {
                    return std::ranges::equal(behind(image, i), behind(first, i));
                  });
  }
  /// Whether the same stands behind place i in each.
  bool alike_behind(std::size_t i) const { return i < alike_.size() && alike_[i]; }

 private:
  std::vector<bool> alike_;
};

ImageSheet::ImageSheet(std::span<const Image> images) {
  const Layout layout(images);
  for (const Image& image : images) lay(image, layout);
  bytes_.resize(bytes_.size() + 2 * kCopySlack);
}

void ImageSheet::lay(const Image& image, const Layout& layout) {
  Laid laid{.at = static_cast<std::uint32_t>(bytes_.size()),
            .last_bytes = 0,
            .first_step = static_cast<std::uint32_t>(steps_.size()),
            .steps = 0,
            .size = 0};
  const std::vector<Patch>& patches = image.patches;
  ByteView text = ByteView(image.bytes).first(patches.empty() ? image.bytes.size() : patches[0].at);
  const auto put_step = [&](Step step) {
    step.bytes = static_cast<std::uint32_t>(text.size());
    steps_.push_back(step);
    bytes_.insert(bytes_.end(), text.begin(), text.end());
    laid.size += step.bytes;
    ++laid.steps;
  };
  for (std::size_t i = 0; i < patches.size(); ++i) {
    if (!is_shared(patches[i])) {
      put_step(step_of(patches[i]));
      laid.size += patches[i].width;
      text = behind(image, i);
      continue;
    }
    ByteView rest;
    const Shared shared = shared_from(image, i, layout, rest);
    put_step({0, Kind::kShared, true, number_in(shared_, shared)});
    text = rest;
  }
  laid.last_bytes = static_cast<std::uint32_t>(text.size());
  laid.size += laid.last_bytes;
  bytes_.insert(bytes_.end(), text.begin(), text.end());
  images_.push_back(laid);
}

/// Place i and what goes with it; then i is the last place of it, and `rest` what stands behind.
ImageSheet::Shared ImageSheet::shared_from(const Image& image, std::size_t& i, const Layout& layout,
                                           ByteView& rest) {
  const std::vector<Patch>& patches = image.patches;
  Shared shared;
  std::size_t size = 0;
  const auto fits = [&](std::size_t more) { return size + more <= kSharedBytesMax; };
  for (;; ++i) {
    size += size_max(patches[i]);
    rest = behind(image, i);
    shared.places.emplace_back(placeless(patches[i]), ByteVec());
    if (!layout.alike_behind(i) || !fits(rest.size())) return shared;
    shared.places.back().second.assign(rest.begin(), rest.end());
    size += rest.size();
    rest = {};
    const bool goes_on =
        i + 1 < patches.size() && is_shared(patches[i + 1]) && fits(size_max(patches[i + 1]));
    if (!goes_on) return shared;
  }
}

ImageSheet::Step ImageSheet::step_of(const Patch& patch) {
  const auto step = [&](Kind kind, std::vector<Patch>& list) {
    return Step{0, kind, patch.width == 0, number_in(list, placeless(patch))};
  };
  if (patch.width == 0 && patch.form == Patch::Form::kDecimal)
    return step(Kind::kDecimal, decimals_);
  if (patch.width == 0 && patch.form == Patch::Form::kZigzag) return step(Kind::kZigzag, zigzags_);
  return step(Kind::kOther, others_);
}

ImagePress::ImagePress(const ImageSheet& sheet)
    : sheet_(sheet),
      shared_(sheet.shared_.size()),
      decimals_(sheet.decimals_.size()),
      zigzags_(sheet.zigzags_.size()) {}

void ImagePress::turn_to(const RecordFacts& facts) {
  for (std::size_t i = 0; i < shared_.size(); ++i) {
    std::uint8_t* at = shared_[i].text;
    for (const auto& [patch, text] : sheet_.shared_[i].places)
      at = std::ranges::copy(text, put_patch(at, patch, facts)).out;
    shared_[i].size = static_cast<std::uint32_t>(at - shared_[i].text);
  }
}

void ImagePress::Decimal::set(std::int64_t value) {
  const auto whole = static_cast<std::uint64_t>(value);
  const std::uint64_t above = value < 100 ? 0 : whole / 100;
  if (above == 0 || above != hundreds) {
    const std::int64_t written = above == 0 ? value : static_cast<std::int64_t>(above);
    text_size = static_cast<std::uint32_t>(put_decimal(text, written) - text);
    hundreds = above;
  }
  size = text_size + (above == 0 ? 0 : 2);
  if (above != 0) std::memcpy(&last_two, kDigitPairs.data() + 2 * (whole - 100 * above), 2);
}

std::size_t ImagePress::begin(std::size_t image, const RecordFacts& facts) {
  begun_ = &sheet_.images_[image];
  std::size_t size = begun_->size;
  const ImageSheet::Step* const steps = sheet_.steps_.data() + begun_->first_step;
  for (std::size_t i = 0; i < begun_->steps; ++i) {
    const auto [bytes, kind, moves_the_rest, number] = steps[i];
    switch (kind) {
      case ImageSheet::Kind::kShared:
        size += shared_[number].size;
        break;
      case ImageSheet::Kind::kDecimal:
        decimals_[number].set(number_of(sheet_.decimals_[number], facts));
        size += decimals_[number].size;
        break;
      case ImageSheet::Kind::kZigzag:
        zigzags_[number] = number_of(sheet_.zigzags_[number], facts);
        size += varint_size(zigzag(zigzags_[number]));
        break;
      case ImageSheet::Kind::kOther:
        if (moves_the_rest) size += inserted_size(sheet_.others_[number], facts);
    }
  }
  return size;
}

std::uint8_t* ImagePress::finish(std::uint8_t* to, const RecordFacts& facts) const {
  const std::uint8_t* from = sheet_.bytes_.data() + begun_->at;
  const ImageSheet::Step* const steps = sheet_.steps_.data() + begun_->first_step;
  for (std::size_t i = 0; i < begun_->steps; ++i) {
    const auto [bytes, kind, moves_the_rest, number] = steps[i];
    to = copy_roundly(to, from, bytes);
    from += bytes;
    switch (kind) {
      case ImageSheet::Kind::kShared:
        to = copy_roundly(to, shared_[number].text, shared_[number].size);
        break;
      case ImageSheet::Kind::kDecimal: {
        const Decimal& decimal = decimals_[number];
        std::memcpy(to, decimal.text, 24);
        std::memcpy(to + decimal.text_size, &decimal.last_two, 2);
        to += decimal.size;
        break;
      }
      case ImageSheet::Kind::kZigzag:
        to = put_zigzag(to, zigzags_[number]);
        break;
      case ImageSheet::Kind::kOther:
        to = put_patch(to, sheet_.others_[number], facts);
    }
  }
  return copy_roundly(to, from, begun_->last_bytes);
}

}  // namespace ds
