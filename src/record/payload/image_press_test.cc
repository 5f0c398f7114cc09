#include "record/payload/image_press.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "base/random.h"

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

/// Against made_of(), which makes one record at a time and keeps nothing.
TEST(ImagePress, MakesTheRecordsThatAreMadeOneByOne) {
  constexpr int kPools = 60, kRecords = 3000;
  Random random(7);
  for (int pool = 0; pool < kPools; ++pool) {
    std::vector<Image> images;
    const Image form = random_image(random);
    for (int i = 0; i < 12; ++i)
      images.push_back(pool % 2 == 0 ? random_image(random) : sibling_of(form, random));
    const ImageSheet sheet(images);
    ImagePress press(sheet);
    RecordFacts facts{.seed = 3, .record = random.below(1000), .sequence = random.below(100)};
    for (int i = 0; i < kRecords; ++i, ++facts.record, ++facts.sequence) {
      if (i % 700 == 0) {
        facts.stream = static_cast<std::uint32_t>(random.below(200));
        facts.timestamp_ms = 1'763'700'000'000 + static_cast<std::int64_t>(random.below(100'000));
        press.turn_to(facts);
      }
      const std::size_t pick = random.below(images.size());
      const ByteVec wanted = made_of(images[pick], facts);
      ByteVec made(wanted.size() + kCopySlack + 8, 0xee);
      ASSERT_EQ(press.put(made.data(), pick, facts) - made.data(),
                static_cast<std::ptrdiff_t>(wanted.size()));
      ASSERT_TRUE(std::ranges::equal(wanted, ByteView(made).first(wanted.size())))
          << "pool " << pool << ", record " << i;
      ASSERT_TRUE(std::ranges::all_of(ByteView(made).last(8), [](auto b) { return b == 0xee; }));
    }
  }
}

}  // namespace
}  // namespace ds
