#include "sink/tally.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace ds {
namespace {

TEST(BrandIndex, NumbersBrandsInTheOrderInWhichTheyAreMet) {
  // Of every length, and many that differ in one place only: at the front, in the middle, at the
  // end.
  std::vector<std::string> brands{""};
  for (std::size_t size = 1; size < 40; ++size)
    for (std::size_t at = 0; at < size; ++at)
      for (const char c : {'x', 'y'}) {
        std::string brand(size, 'b');
        brand[at] = c;
        brands.push_back(std::move(brand));
      }
  BrandIndex index;
  for (std::size_t i = 0; i < brands.size(); ++i) ASSERT_EQ(index.of(brands[i]), i) << brands[i];
  Random random(1);
  for (int i = 0; i < 100'000; ++i) {
    const std::size_t which = random.below(brands.size());
    ASSERT_EQ(index.of(brands[which]), which) << brands[which];
  }
  EXPECT_EQ(index.size(), brands.size());
  for (std::size_t i = 0; i < brands.size(); ++i)
    EXPECT_EQ(index.name(static_cast<std::uint32_t>(i)), brands[i]);
}

}  // namespace
}  // namespace ds
