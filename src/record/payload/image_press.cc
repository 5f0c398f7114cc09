#include "record/payload/image_press.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/varint.h"
#include "record/payload/drawn.h"

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
  Forms forms;
  for (const Image& image : images) lay(image, layout, forms);
  bytes_.resize(bytes_.size() + 2 * kCopySlack);
}

void ImageSheet::lay(const Image& image, const Layout& layout, Forms& forms) {
  std::vector<Step> steps;
  std::vector<std::uint32_t> sizes;
  ByteVec texts;
  const std::vector<Patch>& patches = image.patches;
  ByteView text = ByteView(image.bytes).first(patches.empty() ? image.bytes.size() : patches[0].at);
  const auto put_step = [&](Step step) {
    steps.push_back(step);
    sizes.push_back(static_cast<std::uint32_t>(text.size()));
    texts.insert(texts.end(), text.begin(), text.end());
  };
  for (std::size_t i = 0; i < patches.size(); ++i) {
    if (!is_shared(patches[i])) {
      put_step(step_of(patches[i]));
      text = behind(image, i);
      continue;
    }
    ByteView rest;
    const Shared shared = shared_from(image, i, layout, rest);
    put_step({Kind::kShared, number_in(shared_, shared)});
    text = rest;
  }
  put_step({Kind::kEnd, 0});

  const auto [form, is_new] = forms.emplace(steps, steps_.size());
  if (is_new) steps_.insert(steps_.end(), steps.begin(), steps.end());
  for (std::size_t n = 0; n < sizes.size(); ++n) {
    std::uint32_t& copied = steps_[form->second + n].copied;
    copied = std::max(copied, std::min<std::uint32_t>(sizes[n], kCopySlack));
  }
  const auto at = static_cast<std::uint32_t>(bytes_.size());
  const std::size_t sizes_bytes = sizes.size() * sizeof sizes[0];
  bytes_.resize(at + sizes_bytes);
  std::memcpy(bytes_.data() + at, sizes.data(), sizes_bytes);
  images_.push_back({at, static_cast<std::uint32_t>(bytes_.size()), form->second});
  bytes_.insert(bytes_.end(), texts.begin(), texts.end());
  called_ =
      std::min(std::max(called_, static_cast<std::uint32_t>(bytes_.size() - at)), kCalledBytes);
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
    return Step{kind, number_in(list, placeless(patch))};
  };
  const auto counts = [&](Kind kind) {
    return Step{kind, number_in(counters_, Counter{patch.start, patch.step,
                                                   patch.what == Patch::What::kRecord})};
  };
  if (patch.width == 0 && patch.form == Patch::Form::kDecimal) return counts(Kind::kDecimal);
  if (patch.width == 0 && patch.form == Patch::Form::kZigzag) return counts(Kind::kZigzag);
  if (patch.what == Patch::What::kUuid) return step(Kind::kUuid, others_);
  if (patch.what == Patch::What::kNoise && patch.width <= 8 * kNoiseWords)
    return step(Kind::kNoise, others_);
  return step(Kind::kOther, others_);
}

ImagePress::ImagePress(const ImageSheet& sheet)
    : sheet_(sheet), shared_(sheet.shared_.size()), decimals_(sheet.counters_.size()) {}

void ImagePress::turn_to(const RecordFacts& facts) {
  for (std::size_t i = 0; i < shared_.size(); ++i) {
    std::uint8_t* at = shared_[i].text;
    for (const auto& [patch, text] : sheet_.shared_[i].places)
      at = std::ranges::copy(text, put_patch(at, patch, facts)).out;
    shared_[i].size = static_cast<std::uint32_t>(at - shared_[i].text);
  }
}

void ImagePress::Decimal::turn_to(std::int64_t written, std::uint64_t above) {
  text_size = static_cast<std::uint32_t>(put_decimal(text, written) - text);
  hundreds = above;
}

}  // namespace ds
