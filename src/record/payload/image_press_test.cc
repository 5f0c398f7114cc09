#include "record/payload/image_press.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "base/random.h"
#include "record/payload/image_ink.h"

namespace ds {
namespace {

Patch random_patch(Random& random) {
  using enum Patch::What;
  using enum Patch::Form;
  constexpr Patch::What kNumbers[] = {kRecord,  kStream, kSequence, kMillis,
                                      kSeconds, kMicros, kNanos,    kNanosOfSecond};
  Patch patch;
  switch (random.below(8)) {
    case 0:
      return {.what = kIsoTime, .form = kText};
    case 1:
      return {.what = kUuid, .form = kText, .salt = random.below(3)};
    case 2:
      return {.what = kNoise, .width = static_cast<std::uint32_t>(random.below(5000))};
    default:
      patch.what = kNumbers[random.below(std::size(kNumbers))];
  }
  constexpr Patch::Form kForms[] = {kDecimal, kDecimal,  kDecimal, kZigzag,
                                    kVarint,  kZigzagOf, kLittle};
  patch.form = kForms[random.below(std::size(kForms))];
  if (patch.form == kDecimal && random.below(3) == 0)
    patch.width = static_cast<std::uint32_t>(1 + random.below(60));
  if (patch.form == kVarint || patch.form == kZigzagOf) patch.width = 10;
  if (patch.form == kLittle) patch.width = static_cast<std::uint32_t>(1 + random.below(8));
  constexpr std::int64_t kStarts[] = {0,
                                      1,
                                      -150,
                                      95,
                                      999'990,
                                      -3,
                                      std::numeric_limits<std::int64_t>::max() - 5,
                                      std::numeric_limits<std::int64_t>::min()};
  patch.start = kStarts[random.below(std::size(kStarts))];
  patch.step = static_cast<std::int64_t>(random.below(4)) - 1;
  if (random.below(10) == 0) patch.step = static_cast<std::int64_t>(random());
  return patch;
}

Image random_image(Random& random) {
  Image image;
  for (std::uint64_t parts = random.below(7); parts > 0; --parts) {
    image.append(std::string(random.below(random.below(9) == 0 ? 700 : 90), 'x'));
    image.append(random_patch(random));
  }
  for (std::uint64_t left = random.below(150); left > 0; --left)
    image.append(static_cast<std::uint8_t>(random.below(256)));
  return image;
}

/// Others of the same form: their texts before the first place and behind the last one differ, and
/// sometimes the one behind the second.
Image sibling_of(const Image& form, Random& random) {
  Image image;
  std::size_t from = 0;
  const bool wayward = random.below(40) == 0;
  for (std::size_t i = 0; i < form.patches.size(); ++i) {
    const Patch& patch = form.patches[i];
    if (i == 0 || (i == 2 && wayward))
      image.append(std::string(random.below(60), 'y'));
    else
      image.append(ByteView(form.bytes).subspan(from, patch.at - from));
    image.append(patch);
    from = patch.at + patch.width;
  }
  image.append(std::string(random.below(60), 'z'));
  return image;
}

/// So that it goes into the ink: numbers of few bytes, one UUID, no noise.
Image inkable(Image image) {
  Image kept;
  std::size_t from = 0;
  bool uuid = false;
  for (Patch patch : image.patches) {
    kept.append(ByteView(image.bytes).subspan(from, patch.at - from));
    from = patch.at + patch.width;
    const bool second_uuid = patch.what == Patch::What::kUuid && std::exchange(uuid, true);
    if (patch.what == Patch::What::kNoise || second_uuid || patch.form == Patch::Form::kLittle)
      continue;
    if (patch.width == 10) patch.width = 8;
    if (patch.form == Patch::Form::kDecimal) patch.width = 0;
    if (patch.what != Patch::What::kUuid && patch.start < 0) patch.start = 99'950;
    patch.step &= 3;
    kept.append(patch);
  }
  kept.append(ByteView(image.bytes).subspan(from));
  return kept;
}

/// Records of a pool, some in a row, against made_of(), which makes one at a time and keeps
/// nothing. Adds how many were made in one go.
void make_all(const std::vector<Image>& images, bool may_ink, Random& random, int records,
              int& inked) {
  const ImageSheet sheet(images);
  ImagePress press(sheet, may_ink);
  RecordFacts facts{.seed = 3, .record = random.below(1000), .sequence = random.below(100)};
  std::uint32_t row = 0;
  for (int i = 0; i < records; i += static_cast<int>(row)) {
    if (i == 0 || random.below(50) == 0) {
      facts.stream = static_cast<std::uint32_t>(random.below(200));
      facts.timestamp_ms = 1'763'700'000'000 + static_cast<std::int64_t>(random.below(100'000));
      press.turn_to(facts);
    }
    const auto asked = static_cast<std::uint32_t>(1 + random.below(16));
    row = press.settle(facts, asked);
    ASSERT_GE(row, 1u);
    ASSERT_LE(row, asked);
    std::vector<std::uint32_t> picks;
    std::vector<ByteVec> wanted, made;
    std::vector<ByteView> places;
    for (std::uint32_t n = 0; n < row; ++n) {
      picks.push_back(static_cast<std::uint32_t>(random.below(images.size())));
      RecordFacts of = facts;
      of.record += n;
      of.sequence += n;
      wanted.push_back(made_of(images[picks[n]], of));
      made.emplace_back(wanted[n].size() + kCopySlack + 8, 0xee);
      places.push_back(ByteView(made[n]).first(wanted[n].size()));
      if (InkLayout* const ink = press.ink()) {
        ASSERT_EQ(ink->images[picks[n]].size, wanted[n].size());
      } else {
        ASSERT_EQ(press.size(picks[n]), wanted[n].size());
        press.put(made[n].data(), picks[n], of);
      }
    }
    if (press.ink() != nullptr) {
      press.ink()->put(places, picks.data(), facts);
      inked += static_cast<int>(row);
    }
    for (std::uint32_t n = 0; n < row; ++n) {
      ASSERT_TRUE(std::ranges::equal(wanted[n], places[n])) << "record " << i << " + " << n;
      ASSERT_TRUE(std::ranges::all_of(ByteView(made[n]).last(8), [](auto b) { return b == 0xee; }));
    }
    facts.record += row;
    facts.sequence += row;
  }
}

TEST(ImagePress, MakesTheRecordsThatAreMadeOneByOne) {
  constexpr int kPools = 60, kRecords = 2000;
  Random random(7);
  int inked = 0, could_be_inked = 0;
  for (int pool = 0; pool < kPools; ++pool) {
    std::vector<Image> images;
    const Image form = random_image(random);
    for (int i = 0; i < 12; ++i)
      images.push_back(pool % 2 == 0 ? random_image(random) : sibling_of(form, random));
    SCOPED_TRACE(pool);
    make_all(images, pool % 3 != 0, random, kRecords, inked);
    for (Image& image : images) image = inkable(image);
    if (InkLayer::takes(ImageSheet(images))) could_be_inked += kRecords;
    make_all(images, true, random, kRecords, inked);
  }
  if (could_be_inked > 0) {
    EXPECT_GT(inked, could_be_inked / 2);
  }
}

}  // namespace
}  // namespace ds
