// Parsed once into a tree of pieces; drawing walks it. Sizes are bounded before anything is drawn:
// a template whose largest value does not fit kPayloadBytesMax is refused where it says so.
#include "record/payload/text_template.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <numbers>
#include <variant>

#include "base/random.h"
#include "record/payload/words.h"
#include "record/zipf.h"

namespace ds {
namespace {

constexpr std::size_t kErrorsMax = 20;
constexpr std::size_t kDepthMax = 32;
constexpr std::uint64_t kForTemplates = 0x74656d706c617465;

struct Piece;
using Pieces = std::vector<Piece>;

struct Uniform {
  double min, max;
  int decimals;
};
struct WholeUniform {
  std::int64_t min, max;
};
struct Normal {
  double mean, sd, min, max;
  int decimals;
};
struct OfAlphabet {
  std::string_view alphabet;
  std::uint64_t count;
};
struct Words {
  std::uint64_t min, max;
};
struct PartUse {
  std::string name;
};
struct Choice {
  std::vector<std::variant<std::string, PartUse>> options;
  std::vector<double> up_to;  // shares, added up
};
struct Repeat {
  std::uint64_t min, max;
  std::string separator;
  std::shared_ptr<const Pieces> body;
};
struct Piece {
  std::variant<std::string, Patch, Uniform, WholeUniform, Normal, Zipf, OfAlphabet, Words, Choice,
               PartUse, Repeat>
      what;
  std::size_t at = 0;  // in the text
};

class Template final : public Payload {
 public:
  Template(Pieces pieces, std::map<std::string, Pieces, std::less<>> parts, std::uint64_t seed,
           Encoding encoding)
      : pieces_(std::move(pieces)), parts_(std::move(parts)), seed_(seed), encoding_(encoding) {}

  void draw(std::uint64_t n, Image& into) const override {
    Random random(random_at(seed_ ^ kForTemplates, n));
    draw(pieces_, random, into);
  }
  bool readable_is_json() const override { return encoding_ == Encoding::kJson; }
  Encoding encoding() const override { return encoding_; }

 private:
  void draw(const Pieces& pieces, Random& random, Image& into) const {
    for (const Piece& piece : pieces)
      std::visit([&](const auto& what) { draw(what, random, into); }, piece.what);
  }
  void draw(const std::string& text, Random&, Image& into) const { into.append(text); }
  void draw(const Patch& patch, Random&, Image& into) const { into.append(patch); }
  void draw(const Uniform& of, Random& random, Image& into) const {
    into.append(fmt::format("{:.{}f}", of.min + (of.max - of.min) * random.unit(), of.decimals));
  }
  void draw(const WholeUniform& of, Random& random, Image& into) const {
    into.append(fmt::format("{}", draw_whole(random, of.min, of.max)));
  }
  void draw(const Normal& of, Random& random, Image& into) const {
    const double value = std::clamp(of.mean + of.sd * draw_normal(random), of.min, of.max);
    into.append(fmt::format("{:.{}f}", value, of.decimals));
  }
  void draw(const Zipf& zipf, Random& random, Image& into) const {
    into.append(fmt::format("{}", zipf.draw(random)));
  }
  void draw(const OfAlphabet& of, Random& random, Image& into) const {
    for (std::uint64_t i = 0; i < of.count; ++i)
      into.append(static_cast<std::uint8_t>(of.alphabet[random.below(of.alphabet.size())]));
  }
  void draw(const Words& of, Random& random, Image& into) const {
    const std::uint64_t count = of.min + random.below(of.max - of.min + 1);
    for (std::uint64_t i = 0; i < count; ++i) {
      if (i > 0) into.append(' ');
      into.append(draw_word(random));
    }
  }
  void draw(const Choice& choice, Random& random, Image& into) const {
    const double share = random.unit() * choice.up_to.back();
    std::size_t i = 0;
    while (i + 1 < choice.options.size() && share >= choice.up_to[i]) ++i;
    std::visit([&](const auto& what) { draw(what, random, into); }, choice.options[i]);
  }
  void draw(const PartUse& use, Random& random, Image& into) const {
    draw(parts_.find(use.name)->second, random, into);
  }
  void draw(const Repeat& repeat, Random& random, Image& into) const {
    const std::uint64_t count = repeat.min + random.below(repeat.max - repeat.min + 1);
    for (std::uint64_t i = 0; i < count; ++i) {
      if (i > 0) into.append(repeat.separator);
      draw(*repeat.body, random, into);
    }
  }

  const Pieces pieces_;
  const std::map<std::string, Pieces, std::less<>> parts_;
  const std::uint64_t seed_;
  const Encoding encoding_;
};

/// What stands between the braces, word by word.
struct Word {
  std::string text;
  bool quoted = false;
  double weight = 1;  // behind a colon
  bool weighted = false;
  std::size_t at = 0;
};

class Parser {
 public:
  Parser(std::string_view text, std::string_view name) : text_(text), name_(name) {
    if (text_.ends_with("\r\n"))
      text_.remove_suffix(2);
    else if (text_.ends_with('\n'))
      text_.remove_suffix(1);
  }

  Result<std::shared_ptr<const Payload>> parse(std::uint64_t seed, Encoding encoding) {
    Pieces pieces = block(0, nullptr);
    for (const auto& [part, body] : parts_) look_at_uses(body);
    look_at_uses(pieces);
    if (errors_.empty()) {
      std::vector<std::string> path;
      if (pieces.empty()) wrong(0, "the template is empty");
      if (size_of_all(pieces, path) > kPayloadBytesMax && errors_.empty())
        wrong(0, fmt::format("its largest value would exceed {} bytes", kPayloadBytesMax));
    }
    if (!errors_.empty()) return error();
    return std::shared_ptr<const Payload>(
        std::make_shared<Template>(std::move(pieces), std::move(parts_), seed, encoding));
  }

 private:
  void wrong(std::size_t at, std::string what) {
    if (errors_.size() >= kErrorsMax) return;
    const std::string_view before = text_.substr(0, std::min(at, text_.size()));
    const auto line = std::ranges::count(before, '\n') + 1;
    const std::size_t column = before.size() - (before.rfind('\n') + 1) + 1;
    errors_.push_back({at, fmt::format("{}:{}:{}: {}", name_, line, column, what)});
  }
  Error error() {
    std::ranges::stable_sort(errors_, {}, [](const auto& each) { return each.first; });
    std::string all;
    for (const auto& [at, line] : errors_) all += (all.empty() ? "" : "\n") + line;
    return Error{.code = ErrorCode::kUsage, .message = std::move(all)};
  }

  /// Up to the {{end}} that closes it, or the text's end; `opened_by` names what it closes.
  Pieces block(std::size_t depth, const char* opened_by) {
    Pieces pieces;
    const std::size_t began = at_;
    if (depth > kDepthMax) {
      wrong(at_, fmt::format("more than {} blocks lie in each other", kDepthMax));
      at_ = text_.size();
      return pieces;
    }
    while (at_ < text_.size()) {
      const std::size_t open = std::min(text_.find("{{", at_), text_.size());
      if (open > at_) pieces.push_back({std::string(text_.substr(at_, open - at_)), at_});
      at_ = open;
      if (open == text_.size()) break;
      const std::size_t begin = open + 2;
      if (begin < text_.size() && text_[begin] == '!') {
        const std::size_t close = text_.find("}}", begin);
        if (close == std::string_view::npos) {
          wrong(open, "this remark has no end }}");
          at_ = text_.size();
          break;
        }
        at_ = close + 2;
        skip_line_end();
        continue;
      }
      auto words = words_of(open);
      if (!words) break;
      if (words->empty()) {
        wrong(open, "there is nothing between {{ and }}");
        continue;
      }
      const std::string& verb = words->front().text;
      if (words->front().quoted) {
        pieces.push_back({verb, open});
      } else if (verb == "end") {
        if (opened_by != nullptr) return pieces;
        wrong(open, "this {{end}} closes nothing");
      } else if (verb == "part") {
        part(*words, open, depth);
      } else if (verb == "repeat") {
        repeat(*words, open, depth, pieces);
      } else {
        placeholder(*words, open, pieces);
      }
    }
    if (opened_by != nullptr) wrong(began, fmt::format("this {} has no {{{{end}}}}", opened_by));
    return pieces;
  }

  void skip_line_end() {
    if (text_.substr(at_).starts_with("\r\n"))
      at_ += 2;
    else if (text_.substr(at_).starts_with('\n'))
      at_ += 1;
  }

  /// From `open` on, behind the closing braces afterwards; nothing when there are none.
  std::optional<std::vector<Word>> words_of(std::size_t open) {
    std::vector<Word> words;
    at_ = open + 2;
    const auto is_space = [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; };
    for (;;) {
      while (at_ < text_.size() && is_space(text_[at_])) ++at_;
      if (text_.substr(at_).starts_with("}}")) {
        at_ += 2;
        return words;
      }
      if (at_ >= text_.size()) break;
      Word word;
      word.at = at_;
      if (text_[at_] == '"') {
        if (!quoted(word)) return std::nullopt;
      } else if (text_[at_] == '{') {
        const std::size_t close = text_.find('}', at_);
        if (close == std::string_view::npos) break;
        word.text = std::string(text_.substr(at_, close + 1 - at_));
        at_ = close + 1;
      } else {
        while (at_ < text_.size() && !is_space(text_[at_]) && text_[at_] != '}' &&
               text_[at_] != ':' && text_[at_] != '{')
          word.text += text_[at_++];
        if (word.text.empty()) {
          wrong(at_, fmt::format("'{}' does not belong here", text_[at_]));
          ++at_;
          continue;
        }
      }
      if (at_ < text_.size() && text_[at_] == ':') weight(word);
      words.push_back(std::move(word));
    }
    wrong(open, "this {{ has no }}");
    at_ = text_.size();
    return std::nullopt;
  }
  bool quoted(Word& word) {
    word.quoted = true;
    for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) {
        ++at_;
        word.text += text_[at_] == 'n' ? '\n' : text_[at_] == 't' ? '\t' : text_[at_];
      } else {
        word.text += text_[at_];
      }
    }
    if (at_ == text_.size()) {
      wrong(word.at, "this text has no closing quote");
      return false;
    }
    ++at_;
    return true;
  }
  void weight(Word& word) {
    const char* const from = text_.data() + at_ + 1;
    const auto [end, failed] = std::from_chars(from, text_.data() + text_.size(), word.weight);
    word.weighted = true;
    if (failed != std::errc() || !(word.weight > 0) || !std::isfinite(word.weight)) {
      wrong(at_, "a weight is a number above 0");
      word.weight = 1;
    }
    at_ = static_cast<std::size_t>(end - text_.data());
    if (at_ < text_.size() && text_[at_] == ':') ++at_;
  }

  void part(const std::vector<Word>& words, std::size_t open, std::size_t depth) {
    const std::string name = words.size() == 2 ? words[1].text : "";
    if (name.empty())
      wrong(open, "a part has a name: {{part NAME}}");
    else if (parts_.contains(name))
      wrong(open, fmt::format("there is a part '{}' already", name));
    else if (depth > 0)
      wrong(open, "a part stands at the top, not in another block");
    Pieces body = block(depth + 1, "{{part}}");
    skip_line_end();
    parts_.emplace(name, std::move(body));
  }
  void repeat(const std::vector<Word>& words, std::size_t open, std::size_t depth, Pieces& pieces) {
    Repeat repeat{};
    if (words.size() < 3 || words.size() > 4)
      wrong(open, "{{repeat MIN MAX \"separator\"}}");
    else
      counts(words, 1000, repeat.min, repeat.max);
    if (words.size() == 4) repeat.separator = words[3].text;
    repeat.body = std::make_shared<const Pieces>(block(depth + 1, "{{repeat}}"));
    pieces.push_back({std::move(repeat), open});
  }

  // ---- Placeholders

  struct Options {
    std::map<std::string, std::pair<double, std::size_t>, std::less<>> named;
    double take(std::string_view name, double otherwise) {
      const auto found = named.find(name);
      if (found == named.end()) return otherwise;
      const double value = found->second.first;
      named.erase(found);
      return value;
    }
  };
  /// Takes NAME=NUMBER words out of the list; the first is the verb, whatever it looks like.
  Options take_options(std::vector<Word>& words) {
    Options options;
    const auto gone = std::remove_if(words.begin() + 1, words.end(), [&](const Word& word) {
      const std::size_t equals = word.text.find('=');
      if (word.quoted || equals == std::string::npos) return false;
      double value = 0;
      if (!number(word.text.substr(equals + 1), value))
        wrong(word.at, fmt::format("'{}' has no number", word.text));
      options.named[word.text.substr(0, equals)] = {value, word.at};
      return true;
    });
    words.erase(gone, words.end());
    return options;
  }
  void refuse_rest(const Options& options, std::string_view verb) {
    for (const auto& [name, value] : options.named)
      wrong(value.second, fmt::format("'{}' knows no '{}'", verb, name));
  }
  static bool number(std::string_view text, double& value) {
    const char* const end = text.data() + text.size();
    const auto [at, failed] = std::from_chars(text.data(), end, value);
    return failed == std::errc() && at == end && std::isfinite(value);
  }
  double number_at(const std::vector<Word>& words, std::size_t i) {
    double value = 0;
    if (!number(words[i].text, value))
      wrong(words[i].at, fmt::format("'{}' is not a number", words[i].text));
    return value;
  }
  void counts(const std::vector<Word>& words, double most, std::uint64_t& min, std::uint64_t& max) {
    const double a = number_at(words, 1), b = number_at(words, 2);
    if (a < 0 || b < a || b > most || a != std::floor(a) || b != std::floor(b))
      return wrong(words[1].at, fmt::format("from {} to {} is no range of counts from 0 to {}",
                                            words[1].text, words[2].text, most));
    min = static_cast<std::uint64_t>(a);
    max = static_cast<std::uint64_t>(b);
  }
  /// False, and told, unless there are so many words behind the verb.
  bool takes(const std::vector<Word>& words, std::size_t least, std::size_t most,
             std::string_view usage, std::size_t open) {
    if (words.size() - 1 >= least && words.size() - 1 <= most) return true;
    wrong(open, fmt::format("'{}' is written {{{{{}}}}}", words[0].text, usage));
    return false;
  }

  void placeholder(std::vector<Word>& words, std::size_t open, Pieces& pieces) {
    const std::string verb = words[0].text;
    if (verb == "choice") return choice(words, open, pieces);
    for (const Word& word : words)
      if (word.weighted) wrong(word.at, "only a choice has weights");
    Options options = take_options(words);
    const auto put = [&](auto what) { pieces.push_back({std::move(what), open}); };
    const auto decimals = [&](double otherwise) {
      const double asked = options.take("decimals", otherwise);
      if (asked < 0 || asked > 17 || asked != std::floor(asked))
        wrong(open, "decimals are 0 to 17");
      return static_cast<int>(std::clamp(asked, 0.0, 17.0));
    };
    if (verb == "sequence" || verb == "stream-sequence") {
      if (takes(words, 0, 0, verb + " start=0 step=1 width=0", open))
        put(counter(verb == "sequence" ? Patch::What::kRecord : Patch::What::kSequence, options,
                    open));
    } else if (verb == "stream") {
      if (takes(words, 0, 0, "stream", open)) put(Patch{.what = Patch::What::kStream});
    } else if (verb == "timestamp") {
      if (takes(words, 0, 1, "timestamp ms|s|us|ns|iso", open)) timestamp(words, open, pieces);
    } else if (verb == "uuid") {
      if (takes(words, 0, 0, "uuid", open))
        put(Patch{.what = Patch::What::kUuid, .form = Patch::Form::kText, .salt = ++uuids_});
    } else if (verb == "uniform") {
      if (takes(words, 2, 2, "uniform MIN MAX decimals=N", open)) {
        const std::size_t wrong_before = errors_.size();
        const double min = number_at(words, 1), max = number_at(words, 2);
        if (max < min && errors_.size() == wrong_before)
          wrong(words[1].at, fmt::format("{} is above {}", min, max));
        const bool whole = min == std::floor(min) && max == std::floor(max) &&
                           std::abs(min) < 9e15 && std::abs(max) < 9e15 &&
                           !options.named.contains("decimals");
        if (whole)
          put(WholeUniform{static_cast<std::int64_t>(min), static_cast<std::int64_t>(max)});
        else
          put(Uniform{min, max, decimals(3)});
      }
    } else if (verb == "normal") {
      if (takes(words, 2, 2, "normal MEAN SD decimals=N min=A max=B", open)) {
        const double mean = number_at(words, 1), sd = number_at(words, 2);
        if (sd < 0) wrong(words[2].at, "a deviation is not negative");
        const double low = options.take("min", -1e300), high = options.take("max", 1e300);
        if (high < low) wrong(open, fmt::format("min {} is above max {}", low, high));
        put(Normal{mean, sd, low, std::max(low, high), decimals(3)});
      }
    } else if (verb == "zipf") {
      if (takes(words, 2, 2, "zipf S N", open)) {
        const double s = number_at(words, 1), n = number_at(words, 2);
        if (!(s > 0 && s <= 100)) wrong(words[1].at, "zipf's exponent is above 0, and at most 100");
        if (!(n >= 1 && n <= 9e15 && n == std::floor(n)))
          wrong(words[2].at, "zipf draws from 1 to a whole number");
        else if (s > 0 && s <= 100)
          put(Zipf(s, static_cast<std::uint64_t>(n)));
      }
    } else if (verb == "digits" || verb == "hex") {
      if (takes(words, 1, 1, verb + " N", open)) {
        const double n = number_at(words, 1);
        if (!(n >= 1 && n <= 65'536 && n == std::floor(n)))
          wrong(words[1].at, "how many: 1 to 65536");
        else
          put(OfAlphabet{verb == "hex" ? "0123456789abcdef" : "0123456789",
                         static_cast<std::uint64_t>(n)});
      }
    } else if (verb == "words") {
      if (takes(words, 2, 2, "words MIN MAX", open)) {
        Words of{1, 1};
        counts(words, 10'000, of.min, of.max);
        put(of);
      }
    } else {
      if (takes(words, 0, 0, verb, open)) put(PartUse{verb});
    }
    refuse_rest(options, verb);
  }
  Patch counter(Patch::What what, Options& options, std::size_t open) {
    Patch patch{.what = what};
    const auto whole = [&](std::string_view name, double otherwise, double most) {
      const double value = options.take(name, otherwise);
      if (value != std::floor(value) || std::abs(value) > most || (name == "width" && value < 0))
        wrong(open, fmt::format("{} is a whole number up to {}", name, most));
      return std::abs(value) <= most ? static_cast<std::int64_t>(value) : 0;
    };
    patch.start = whole("start", 0, 1e15);
    patch.step = whole("step", 1, 1e6);
    patch.width = static_cast<std::uint32_t>(std::max<std::int64_t>(0, whole("width", 0, 20)));
    return patch;
  }
  void timestamp(const std::vector<Word>& words, std::size_t open, Pieces& pieces) {
    const std::string unit = words.size() == 2 ? words[1].text : "ms";
    Patch patch;
    if (unit == "ms")
      patch.what = Patch::What::kMillis;
    else if (unit == "s")
      patch.what = Patch::What::kSeconds;
    else if (unit == "us")
      patch.what = Patch::What::kMicros;
    else if (unit == "ns")
      patch.what = Patch::What::kNanos;
    else if (unit == "iso")
      patch = {.what = Patch::What::kIsoTime, .form = Patch::Form::kText};
    else
      return wrong(words[1].at,
                   fmt::format("'{}' is no form of a time: ms, s, us, ns or iso", unit));
    pieces.push_back({patch, open});
  }
  void choice(const std::vector<Word>& words, std::size_t open, Pieces& pieces) {
    if (words.size() < 2)
      return wrong(open, "a choice has options: {{choice A B:3 \"two words\"}}");
    Choice choice;
    double sum = 0;
    for (std::size_t i = 1; i < words.size(); ++i) {
      const Word& word = words[i];
      choice.up_to.push_back(sum += word.weight);
      if (!word.quoted && word.text.starts_with('{'))
        choice.options.emplace_back(PartUse{word.text.substr(1, word.text.size() - 2)});
      else
        choice.options.emplace_back(word.text);
    }
    pieces.push_back({std::move(choice), open});
  }

  // ---- What only the whole tells

  void look_at_uses(const Pieces& pieces) {
    const auto look = [&](const PartUse& use, std::size_t at) {
      if (parts_.contains(use.name)) return;
      wrong(at, fmt::format("there is no placeholder and no part '{}'", use.name));
    };
    for (const Piece& piece : pieces) {
      if (const auto* use = std::get_if<PartUse>(&piece.what)) look(*use, piece.at);
      if (const auto* choice = std::get_if<Choice>(&piece.what))
        for (const auto& option : choice->options)
          if (const auto* use_of = std::get_if<PartUse>(&option)) look(*use_of, piece.at);
      if (const auto* repeat = std::get_if<Repeat>(&piece.what)) look_at_uses(*repeat->body);
    }
  }
  /// The most that they take, cut off a little past the limit; parts that use themselves are told.
  std::size_t size_of_all(const Pieces& pieces, std::vector<std::string>& path) {
    constexpr std::size_t kEnough = 2 * kPayloadBytesMax;
    std::size_t sum = 0;
    for (const Piece& piece : pieces) {
      if (!errors_.empty()) return sum;
      sum = std::min(kEnough, sum + size_of_one(piece, path));
    }
    return sum;
  }
  std::size_t size_of_part(const PartUse& use, std::size_t at, std::vector<std::string>& path) {
    if (std::ranges::find(path, use.name) != path.end() || path.size() > kDepthMax) {
      wrong(at, fmt::format("the part '{}' uses itself", use.name));
      return 0;
    }
    if (const auto known = sizes_.find(use.name); known != sizes_.end()) return known->second;
    path.push_back(use.name);
    const std::size_t size = size_of_all(parts_.find(use.name)->second, path);
    path.pop_back();
    return sizes_[use.name] = size;
  }
  std::size_t size_of_one(const Piece& piece, std::vector<std::string>& path) {
    constexpr std::size_t kWhole = 20, kPatched = 36;
    constexpr double kDeviationsMax = 9;  // no draw of 53 bits is further out
    const auto digits = [](double most, int decimals) {
      return static_cast<std::size_t>(std::log10(std::max(most, 1.0)) + decimals + 3);
    };
    if (const auto* text = std::get_if<std::string>(&piece.what)) return text->size();
    if (const auto* of = std::get_if<OfAlphabet>(&piece.what)) return of->count;
    if (const auto* of = std::get_if<Words>(&piece.what)) return of->max * (kWordMax + 1);
    if (const auto* of = std::get_if<Uniform>(&piece.what))
      return digits(std::max(std::abs(of->min), std::abs(of->max)), of->decimals);
    if (const auto* of = std::get_if<Normal>(&piece.what))
      return digits(std::abs(of->mean) + kDeviationsMax * of->sd, of->decimals);
    if (std::holds_alternative<Patch>(piece.what)) return kPatched;
    if (const auto* use = std::get_if<PartUse>(&piece.what))
      return size_of_part(*use, piece.at, path);
    if (const auto* repeat = std::get_if<Repeat>(&piece.what))
      return repeat->max * (repeat->separator.size() + size_of_all(*repeat->body, path));
    if (const auto* choice = std::get_if<Choice>(&piece.what)) {
      std::size_t most = 0;
      for (const auto& option : choice->options) {
        const auto* text = std::get_if<std::string>(&option);
        most = std::max(most, text != nullptr
                                  ? text->size()
                                  : size_of_part(std::get<PartUse>(option), piece.at, path));
      }
      return most;
    }
    return kWhole;
  }

  std::string_view text_;
  std::string_view name_;
  std::size_t at_ = 0;
  std::uint64_t uuids_ = 0;
  std::map<std::string, Pieces, std::less<>> parts_;
  std::map<std::string, std::size_t, std::less<>> sizes_;
  std::vector<std::pair<std::size_t, std::string>> errors_;
};

}  // namespace

Result<std::shared_ptr<const Payload>> parse_template(std::string_view text, std::string_view name,
                                                      std::uint64_t seed, Encoding encoding) {
  return Parser(text, name).parse(seed, encoding);
}

}  // namespace ds
