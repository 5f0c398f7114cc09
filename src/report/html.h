// Pieces of HTML that the report's pages share.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "report/chart.h"

namespace ds {

/// 1234567.8 -> "1,234,567.8": as many digits as say something.
std::string shown_number(double value);
/// "12.3 ms", "1.50 s".
std::string shown_delay(double ms);

/// A page with its style and script within; `body` is HTML, `charts` are drawn into
/// <figure data-chart="NAME">.
std::string whole_page(std::string_view title, std::string_view body,
                       const std::vector<Chart>& charts);

/// A figure that is a picture until the script draws it, and on paper.
Result<std::string> figure_of(const Chart& chart);

/// A figure of the headline. `tone`: "", "good" or "bad".
std::string headline(std::string_view name, std::string_view value, std::string_view below,
                     std::string_view tone = "");

class HtmlTable {
 public:
  /// `kind`: "", or "sorts".
  HtmlTable(std::string_view kind, const std::vector<std::string>& heads);
  struct Cell {
    std::string text;
    std::string key = {};   // what it is sorted by, when that is not the text
    std::string kind = {};  // "words", "better", "worse"
  };
  HtmlTable& row(const std::vector<Cell>& cells, std::string_view kind = "");
  std::string done();

 private:
  std::string html_;
};

}  // namespace ds
