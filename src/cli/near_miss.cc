#include "cli/near_miss.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace ds::cli {
namespace {

/// How many letters are to be put in, left out, changed or swapped with their neighbour.
std::size_t slips(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) above[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] =
          std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before = std::exchange(above, row);
  }
  return above.back();
}

}  // namespace

std::string_view nearest(std::string_view word, std::span<const std::string_view> names) {
  std::size_t least = std::max<std::size_t>(1, word.size() / 3) + 1;  // more is another word
  std::string_view found;
  for (const std::string_view name : names) {
    const std::size_t distance = slips(word, name);
    if (distance == least) found = {};
    if (distance < least) {
      least = distance;
      found = name;
    }
  }
  return found;
}

}  // namespace ds::cli
