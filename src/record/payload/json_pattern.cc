#include "record/payload/json_pattern.h"

#include <fmt/format.h>

#include <bitset>
#include <optional>
#include <vector>

namespace ds {

/// An alternative of sequences of repeated atoms; an atom is a class of characters or a pattern.
struct Pattern {
  struct Atom {
    std::vector<char> one_of;
    std::shared_ptr<const Pattern> group;
    std::uint64_t min = 1, max = 1;
  };
  std::vector<std::vector<Atom>> ways;
};

namespace {

constexpr std::uint64_t kRepeatMax = 1000, kOpenEnd = 8;
constexpr int kDepthMax = 20;

using Class = std::bitset<128>;

class PatternParser {
 public:
  explicit PatternParser(std::string_view text) : text_(text) {}

  Result<std::shared_ptr<const Pattern>> parse() {
    if (text_.starts_with('^')) ++at_;
    auto pattern = ways(0);
    if (!why_.empty() || at_ < text_.size())
      return Error{
          .code = ErrorCode::kUsage,
          .message = fmt::format("'{}', character {}: {}", text_, at_ + 1,
                                 why_.empty() ? "this parenthesis closes nothing" : why_),
          .hint = "patterns of literals, classes, groups, | and repeats can be drawn from"};
    if (count_ > 100'000)
      return Error{.code = ErrorCode::kUsage,
                   .message = fmt::format("'{}' may make a text that is too long", text_)};
    return std::shared_ptr<const Pattern>(std::move(pattern));
  }

 private:
  bool more() const { return at_ < text_.size() && why_.empty(); }
  std::shared_ptr<Pattern> ways(int depth) {
    auto pattern = std::make_shared<Pattern>();
    pattern->ways.emplace_back();
    if (depth > kDepthMax) why_ = "groups lie too deep in each other";
    while (more() && text_[at_] != ')') {
      if (text_[at_] == '|') {
        ++at_;
        pattern->ways.emplace_back();
        continue;
      }
      if (text_[at_] == '$' && at_ + 1 == text_.size()) {
        ++at_;
        break;
      }
      auto atom = one(depth);
      if (!atom) break;
      repeats(*atom);
      pattern->ways.back().push_back(std::move(*atom));
    }
    return pattern;
  }
  std::optional<Pattern::Atom> one(int depth) {
    Pattern::Atom atom;
    const char c = text_[at_];
    if (c == '(') {
      ++at_;
      if (text_.substr(at_).starts_with("?:"))
        at_ += 2;
      else if (text_.substr(at_).starts_with("?"))
        return no("look-around and named groups cannot be drawn from");
      atom.group = ways(depth + 1);
      if (!more() || text_[at_] != ')') return no("this group has no end");
      ++at_;
      return atom;
    }
    Class set;
    if (c == '[') {
      if (!brackets(set)) return std::nullopt;
    } else if (c == '.') {
      ++at_;
      for (std::size_t i = ' '; i < 127; ++i) set.set(i);
    } else if (c == '\\') {
      if (!escaped(set)) return std::nullopt;
    } else if (std::string_view("*+?{^$").find(c) != std::string_view::npos) {
      return no("this cannot stand here");
    } else if (static_cast<unsigned char>(c) >= 128) {
      ++at_;
      atom.one_of = {c};
      return atom;
    } else {
      ++at_;
      set.set(static_cast<std::size_t>(c));
    }
    for (std::size_t i = 0; i < set.size(); ++i)
      if (set[i]) atom.one_of.push_back(static_cast<char>(i));
    if (atom.one_of.empty()) return no("nothing is in this class");
    return atom;
  }
  std::nullopt_t no(std::string why) {
    if (why_.empty()) why_ = std::move(why);
    return std::nullopt;
  }
  bool escaped(Class& set) {
    if (++at_ >= text_.size()) return no("nothing follows the backslash"), false;
    const char c = text_[at_++];
    const auto range = [&](char from, char to) {
      for (auto i = static_cast<std::size_t>(from); i <= static_cast<std::size_t>(to); ++i)
        set.set(i);
    };
    switch (c) {
      case 'd':
        range('0', '9');
        return true;
      case 'w':
        range('0', '9');
        range('a', 'z');
        range('A', 'Z');
        set.set('_');
        return true;
      case 's':
        set.set(' ');
        return true;
      case 't':
        set.set('\t');
        return true;
      case 'n':
        set.set('\n');
        return true;
      default:
        if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
            static_cast<unsigned char>(c) >= 128)
          return no(fmt::format("\\{} cannot be drawn from", c)), false;
        set.set(static_cast<std::size_t>(c));
        return true;
    }
  }
  bool brackets(Class& into) {
    Class set;
    ++at_;
    const bool negated = at_ < text_.size() && text_[at_] == '^';
    if (negated) ++at_;
    for (bool first = true;; first = false) {
      if (at_ >= text_.size()) return no("this class has no ]"), false;
      if (text_[at_] == ']' && !first) break;
      if (text_[at_] == '\\') {
        if (!escaped(set)) return false;
        continue;
      }
      const auto from = static_cast<unsigned char>(text_[at_++]);
      auto to = from;
      if (at_ + 1 < text_.size() && text_[at_] == '-' && text_[at_ + 1] != ']') {
        to = static_cast<unsigned char>(text_[at_ + 1]);
        at_ += 2;
      }
      if (to >= 128 || to < from || to == '\\') return no("this range cannot be drawn from"), false;
      for (std::size_t i = from; i <= to; ++i) set.set(i);
    }
    ++at_;
    if (negated) {
      Class printable;
      for (std::size_t i = ' '; i < 127; ++i) printable.set(i);
      set = printable & ~set;
    }
    into |= set;
    return true;
  }
  void repeats(Pattern::Atom& atom) {
    if (!more()) return;
    const char c = text_[at_];
    if (c == '*') {
      atom.min = 0, atom.max = kOpenEnd, ++at_;
    } else if (c == '+') {
      atom.max = kOpenEnd, ++at_;
    } else if (c == '?') {
      atom.min = 0, ++at_;
    } else if (c == '{') {
      ++at_;
      const auto number = [&]() -> std::optional<std::uint64_t> {
        if (at_ >= text_.size() || text_[at_] < '0' || text_[at_] > '9') return std::nullopt;
        std::uint64_t value = 0;
        while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9' && value <= kRepeatMax)
          value = value * 10 + static_cast<std::uint64_t>(text_[at_++] - '0');
        return value;
      };
      const auto least = number();
      std::optional<std::uint64_t> most = least;
      if (least && at_ < text_.size() && text_[at_] == ',') {
        ++at_;
        most = number();
        if (!most) most = *least + kOpenEnd;
      }
      if (!least || at_ >= text_.size() || text_[at_] != '}' || *most < *least ||
          *most > kRepeatMax) {
        no(fmt::format("a repeat is {{N}}, {{N,}} or {{N,M}} up to {}", kRepeatMax));
        return;
      }
      ++at_;
      atom.min = *least;
      atom.max = *most;
    }
    if (more() && text_[at_] == '?') ++at_;  // lazy: the same texts
    count_ = std::min<std::uint64_t>(
        1'000'000, count_ * (atom.group ? std::max<std::uint64_t>(1, atom.max) : 1) + atom.max);
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::string why_;
  std::uint64_t count_ = 0;
};

void draw_into(const Pattern& pattern, Random& random, std::string& text) {
  for (const Pattern::Atom& atom : pattern.ways[random.below(pattern.ways.size())]) {
    const std::uint64_t count = atom.min + random.below(atom.max - atom.min + 1);
    for (std::uint64_t i = 0; i < count; ++i) {
      if (atom.group)
        draw_into(*atom.group, random, text);
      else
        text += atom.one_of[random.below(atom.one_of.size())];
    }
  }
}

}  // namespace

Result<std::shared_ptr<const Pattern>> parse_pattern(std::string_view text) {
  return PatternParser(text).parse();
}

std::string draw_pattern(const Pattern& pattern, Random& random) {
  std::string text;
  draw_into(pattern, random, text);
  return text;
}

}  // namespace ds
