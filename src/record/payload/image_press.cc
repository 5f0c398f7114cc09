#include "record/payload/image_press.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <map>
#include <tuple>

#include "base/check.h"
#include "record/payload/image_ink.h"

namespace ds {
namespace {

constexpr std::uint32_t kCalledBytes = 512;  // the processor finds the rest by itself
/// Noise that is shorter is written over bytes that were copied for nothing.
constexpr std::uint32_t kNoiseMin = 64;

bool is_of_its_own(const Patch& patch) {
  using enum Patch::What;
  return patch.what == kRecord || patch.what == kSequence || patch.what == kUuid ||
         patch.what == kNoise;
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

}  // namespace

std::uint8_t ImageSheet::Counter::size(std::int64_t value) const {
  std::uint8_t digits[kDecimalMax];
  return static_cast<std::uint8_t>(in_digits ? put_decimal(digits, value) - digits
                                             : varint_size(zigzag(value)));
}

std::pair<std::int64_t, std::int64_t> ImageSheet::Counter::range(std::int64_t value) const {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  if (value < 0) return {value, value};
  std::int64_t least = 0, most = in_digits ? 9 : 63;
  while (most < value) {
    least = most + 1;
    if (in_digits)
      most = most > kMost / 10 - 1 ? kMost : most * 10 + 9;
    else
      most = most > kMost / 128 - 1 ? kMost : most * 128 + 127;
  }
  return {least, most};
}

ImageSheet::ImageSheet(std::span<const Image> images) : images_(images) {
  places_.reserve(images.size());
  for (const Image& image : images) {
    std::vector<Place>& places = places_.emplace_back();
    places.reserve(image.patches.size());
    for (const Patch& patch : image.patches) places.push_back(place_of(patch));
  }
}

ImageSheet::Place ImageSheet::place_of(const Patch& patch) {
  using enum Patch::Form;
  const auto place = [&](Kind kind, std::uint16_t number) {
    return Place{patch.at, patch.width, number, kind};
  };
  if (!is_of_its_own(patch) && patch.width <= kSharedBytesMax)
    return place(Kind::kText, number_in(texts_, placeless(patch)));
  if (patch.width == 0 && (patch.form == kDecimal || patch.form == kZigzag)) {
    const bool digits = patch.form == kDecimal;
    return place(digits ? Kind::kDecimal : Kind::kZigzag,
                 number_in(counters_, Counter{patch.start, patch.step,
                                              patch.what == Patch::What::kRecord, digits}));
  }
  const bool is_number = patch.what == Patch::What::kRecord || patch.what == Patch::What::kSequence;
  Kind kind = Kind::kOther;
  if (is_number && (patch.form == kVarint || patch.form == kZigzagOf)) kind = Kind::kVarint;
  if (patch.what == Patch::What::kUuid) kind = Kind::kUuid;
  if (patch.what == Patch::What::kNoise && patch.width >= kNoiseMin &&
      patch.width <= 8 * kNoiseWords)
    kind = Kind::kNoise;
  return place(kind, number_in(others_, placeless(patch)));
}

/// Lays images out to be made step by step.
class ImagePress::StepLayer {
 public:
  StepLayer(const ImageSheet& sheet, Layout& layout) : sheet_(sheet), layout_(layout) {
    layout_.bytes.clear();
    layout_.images.clear();
    layout_.steps.clear();
    layout_.called = 0;
    for (std::size_t i = 0; i < sheet_.images_.size(); ++i) lay(i);
    for (std::size_t i = 0; i < most_.size(); ++i)
      if (most_[i] - std::min(least_[i], most_[i]) + 32 <= kCopySlack)
        layout_.steps[i].copied = most_[i];
    layout_.bytes.resize(layout_.bytes.size() + 2 * kCopySlack);
  }

 private:
  void lay(std::size_t image) {
    steps_.clear();
    places_.clear();
    sizes_.clear();
    text_.clear();
    const ByteView bytes(sheet_.images_[image].bytes);
    std::size_t from = 0;
    begin_copy();
    for (const ImageSheet::Place& place : sheet_.places_[image]) {
      text_.insert(text_.end(), bytes.begin() + static_cast<std::ptrdiff_t>(from),
                   bytes.begin() + static_cast<std::ptrdiff_t>(place.at));
      from = place.at + place.width;
      if (place.kind == ImageSheet::Kind::kNoise) end_copy();
      add({place.kind, size_of(place), place.number});
      const std::size_t size = place.width != 0 ? place.width : size_of(place);
      text_.resize(text_.size() + size);
      if (place.kind == ImageSheet::Kind::kUuid)
        put_uuid_dashes(text_.data() + text_.size() - size);
      if (place.kind == ImageSheet::Kind::kNoise) begin_copy();
    }
    text_.insert(text_.end(), bytes.begin() + static_cast<std::ptrdiff_t>(from), bytes.end());
    end_copy();
    steps_.push_back({ImageSheet::Kind::kEnd});
    keep();
  }

  std::uint8_t size_of(const ImageSheet::Place& place) const {
    using enum ImageSheet::Kind;
    if (place.kind == kText) return layout_.sizes[place.number];
    const bool counts = place.kind == kDecimal || place.kind == kZigzag;
    return counts ? layout_.sizes[sheet_.texts_.size() + place.number] : std::uint8_t{0};
  }
  void add(Step step) {
    steps_.push_back(step);
    places_.push_back(static_cast<std::uint32_t>(text_.size()));
  }
  void begin_copy() {
    copy_step_ = steps_.size();
    add({ImageSheet::Kind::kCopy});
    copy_size_ = places_.size();
    places_.push_back(0);
  }
  /// Of all up to here, or of nothing: then it is no step.
  void end_copy() {
    const auto size = static_cast<std::uint32_t>(text_.size()) - places_[copy_size_ - 1];
    if (size == 0) {
      steps_.pop_back();
      places_.resize(copy_size_ - 1);
      return;
    }
    places_[copy_size_] = size;
    sizes_.emplace_back(copy_step_, size);
  }

  /// Puts what was laid behind what is there.
  void keep() {
    const auto [form, is_new] = forms_.emplace(steps_, layout_.steps.size());
    if (is_new) layout_.steps.insert(layout_.steps.end(), steps_.begin(), steps_.end());
    least_.resize(layout_.steps.size(), ~std::uint32_t{0});
    most_.resize(layout_.steps.size());
    for (const auto& [step, size] : sizes_) {
      least_[form->second + step] = std::min(least_[form->second + step], size);
      most_[form->second + step] = std::max(most_[form->second + step], size);
    }
    const auto at = static_cast<std::uint32_t>(layout_.bytes.size());
    const std::size_t places_bytes = places_.size() * sizeof places_[0];
    layout_.bytes.resize(at + places_bytes);
    std::memcpy(layout_.bytes.data() + at, places_.data(), places_bytes);
    layout_.images.push_back({at, static_cast<std::uint32_t>(layout_.bytes.size()),
                              static_cast<std::uint32_t>(text_.size()),
                              static_cast<std::uint32_t>(form->second)});
    layout_.bytes.insert(layout_.bytes.end(), text_.begin(), text_.end());
    const auto bytes = static_cast<std::uint32_t>(layout_.bytes.size() - at);
    layout_.called = std::min(std::max(layout_.called, bytes), kCalledBytes);
  }

  const ImageSheet& sheet_;
  Layout& layout_;
  std::map<std::vector<Step>, std::size_t> forms_;  // their first steps
  std::vector<std::uint32_t> least_, most_;         // of each step that copies
  // Of one image:
  std::vector<Step> steps_;
  std::vector<std::uint32_t> places_;
  std::vector<std::pair<std::size_t, std::uint32_t>> sizes_;  // of steps that copy
  ByteVec text_;
  std::size_t copy_step_ = 0, copy_size_ = 0;
};

ImagePress::Layout::Layout() = default;
ImagePress::Layout::~Layout() = default;

ImagePress::ImagePress(const ImageSheet& sheet, bool may_ink)
    : sheet_(sheet),
      may_ink_(may_ink && InkLayer::takes(sheet)),
      texts_(sheet.texts_.size()),
      hundreds_(sheet.counters_.size()),
      ranges_(sheet.counters_.size(), {1, 0}),
      sizes_(texts_.size() + hundreds_.size() + 1) {}
ImagePress::~ImagePress() = default;

void ImagePress::turn_to(const RecordFacts& facts) {
  for (std::size_t i = 0; i < texts_.size(); ++i) {
    std::uint8_t* const at = texts_[i].data();
    sizes_[i] = static_cast<std::uint8_t>(put_patch(at, sheet_.texts_[i], facts) - at);
  }
  if (layout_ != nullptr) lay();
}

std::uint32_t ImagePress::settle(const RecordFacts& facts, std::uint32_t count) {
  constexpr std::int64_t kStepMax = std::int64_t{1} << 48;  // larger ones may go round
  bool holds = layout_ != nullptr;
  for (std::size_t i = 0; i < sheet_.counters_.size(); ++i) {
    const ImageSheet::Counter& counter = sheet_.counters_[i];
    const std::int64_t first = counter.at(facts), last = counter.at(facts, count - 1);
    auto& [least, most] = ranges_[i];
    if (first < least || first > most) {
      std::tie(least, most) = counter.range(first);
      sizes_[texts_.size() + i] = counter.size(first);
      holds = false;
    }
    if (last < least || last > most || counter.step > kStepMax || counter.step < -kStepMax)
      count = 1;
  }
  if (!holds) {
    sizes_.back() = std::ranges::any_of(ranges_, [](auto range) { return range.first < 0; });
    lay();
  }
  return count;
}

void ImagePress::lay() {
  if (layout_ == nullptr || layout_->sizes != sizes_) {
    layout_ = layout_ == &layouts_[0] ? &layouts_[1] : &layouts_[0];
    if (layout_->sizes != sizes_ || (layout_->images.empty() && layout_->ink == nullptr)) {
      layout_->sizes = sizes_;
      layout_->ink = may_ink_ && sizes_.back() == 0 ? InkLayer(sheet_, sizes_).lay() : nullptr;
      if (layout_->ink == nullptr) StepLayer(sheet_, *layout_);
    }
  }
  if (layout_->ink != nullptr) layout_->ink->take(texts_);
}

}  // namespace ds
