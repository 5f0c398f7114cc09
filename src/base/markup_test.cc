#include "base/markup.h"

#include <gtest/gtest.h>

namespace ds {
namespace {

TEST(Markup, NothingOfATextIsTakenForATag) {
  EXPECT_EQ("&lt;b a=&quot;1&quot;&gt; &amp;amp;", escape_markup("<b a=\"1\"> &amp;"));
  EXPECT_EQ("Zürich 100 %", escape_markup("Zürich 100 %"));
  EXPECT_EQ("a b\n", escape_markup(std::string("a\x01"
                                               "b\n")))
      << "no XML has such characters";
}

}  // namespace
}  // namespace ds
