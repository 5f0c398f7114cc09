#include "record/payload/shape.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "record/payload/json_pattern.h"
#include "record/payload/words.h"

namespace ds {
namespace {

constexpr std::uint64_t kForShapes = 0x736861706573;
constexpr std::uint64_t kEndless = std::numeric_limits<std::uint64_t>::max() / 4;
constexpr std::uint64_t kLeastMax = 10'000;
constexpr std::uint64_t kBytesOfPart = 64;  // so many bytes of a text count as one part more

/// Small numbers and large ones alike: first how many bits, then which.
std::int64_t draw_any_size(int bits, bool is_unsigned, Random& random) {
  const auto width = static_cast<int>(random.below(static_cast<std::uint64_t>(bits)));
  const std::uint64_t magnitude = width == 0 ? 0 : random() >> (64 - width);
  const auto value = static_cast<std::int64_t>(magnitude);
  return !is_unsigned && random.below(2) == 1 ? -value - 1 : value;
}

std::int64_t draw_integer(const Shape& shape, Random& random) {
  if (shape.normal || shape.zipf) {
    const double drawn = shape.zipf
                             ? static_cast<double>(shape.zipf->draw(random))
                             : shape.normal->first + shape.normal->second * draw_normal(random);
    const double rounded = std::round(drawn);
    if (rounded <= static_cast<double>(shape.min)) return shape.min;
    if (rounded >= static_cast<double>(shape.max)) return shape.max;
    return static_cast<std::int64_t>(rounded);
  }
  if (!shape.ranged) return draw_any_size(shape.bits, shape.is_unsigned, random);
  if (shape.multiple_of == 1) return draw_whole(random, shape.min, shape.max);
  const auto down = [&](std::int64_t x) {
    return x / shape.multiple_of - (x % shape.multiple_of < 0 ? 1 : 0);
  };
  const std::int64_t least = down(shape.min) + (shape.min % shape.multiple_of != 0 ? 1 : 0);
  return draw_whole(random, least, down(shape.max)) * shape.multiple_of;
}

double draw_real(const Shape& shape, Random& random) {
  double value = shape.real_min + (shape.real_max - shape.real_min) * random.unit();
  if (shape.normal) value = shape.normal->first + shape.normal->second * draw_normal(random);
  if (shape.zipf) value = static_cast<double>(shape.zipf->draw(random));
  value = std::clamp(value, shape.real_min, shape.real_max);
  if (shape.real_step > 0) {
    value = std::round(value / shape.real_step) * shape.real_step;
    if (value > shape.real_max) value -= shape.real_step;
    if (value < shape.real_min) value += shape.real_step;
  }
  return shape.bits == 32 ? static_cast<double>(static_cast<float>(value)) : value;
}

std::string draw_words(std::uint64_t least, std::uint64_t most, Random& random) {
  const std::uint64_t wanted = least + random.below(most - least + 1);
  std::string text;
  while (text.size() < wanted) {
    if (!text.empty()) text += ' ';
    text += draw_word(random);
  }
  text.resize(wanted);
  if (text.ends_with(' ')) text.back() = 'e';
  return text;
}

std::string draw_text(const Shape& shape, bool shortest, Random& random) {
  const auto below = [&](std::uint64_t bound) { return random.below(bound); };
  switch (shape.text) {
    case TextForm::kWords:
    case TextForm::kUuid:  // a patch; here for completeness
      break;
    case TextForm::kDateTime: {
      std::string text(kIsoTimeLength, ' ');
      put_iso_time(text.data(), draw_whole(random, 946'684'800'000, 2'051'222'400'000));
      return text;
    }
    case TextForm::kDate:
      return fmt::format("{:04}-{:02}-{:02}", 2000 + below(35), 1 + below(12), 1 + below(28));
    case TextForm::kTime:
      return fmt::format("{:02}:{:02}:{:02}Z", below(24), below(60), below(60));
    case TextForm::kEmail: {
      const auto name = draw_word(random);
      return fmt::format("{}{}@{}.example", name, below(1000), draw_word(random));
    }
    case TextForm::kHostname: {
      const auto name = draw_word(random);
      return fmt::format("{}-{}.{}.example", name, below(100), draw_word(random));
    }
    case TextForm::kIpv4:
      return fmt::format("192.0.2.{}", 1 + below(254));
    case TextForm::kIpv6:
      return fmt::format("2001:db8::{:x}:{:x}", below(0x10000), 1 + below(0xffff));
    case TextForm::kUri: {
      const auto host = draw_word(random);
      return fmt::format("https://{}.example/{}/{}", host, draw_word(random), below(10'000));
    }
    case TextForm::kPattern: {
      std::string text = draw_pattern(*shape.pattern, random);
      // A few more tries where a length is asked for beside the pattern.
      for (int tries = 0;
           tries < 100 && (text.size() < shape.length_min || text.size() > shape.length_max);
           ++tries)
        text = draw_pattern(*shape.pattern, random);
      return text;
    }
  }
  return draw_words(shape.length_min, shortest ? shape.length_min : shape.length_max, random);
}

std::string draw_bytes(const Shape& shape, bool shortest, Random& random) {
  const std::uint64_t more = shortest ? 0 : shape.length_max - shape.length_min;
  const std::uint64_t length = shape.length_min + random.below(more + 1);
  std::string bytes(length, '\0');
  if (shape.decimal_digits > 0) {
    // Two's complement, most significant byte first; a number of at most 18 digits.
    std::int64_t limit = 1;
    for (int i = 0; i < std::min(shape.decimal_digits, 18); ++i) limit *= 10;
    const std::int64_t value = draw_whole(random, -(limit - 1), limit - 1);
    if (!shape.fixed) {  // as few bytes as hold it
      std::size_t size = 1;
      for (std::int64_t rest = value; rest < -128 || rest > 127; rest >>= 8) ++size;
      bytes.resize(size);
    }
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      const std::size_t shift = 8 * (bytes.size() - 1 - i);
      bytes[i] = static_cast<char>(value >> std::min<std::size_t>(shift, 63));
    }
    return bytes;
  }
  for (char& byte : bytes) byte = static_cast<char>(random.below(256));
  return bytes;
}

std::size_t draw_weighted(const std::vector<double>& weights, std::size_t count, Random& random) {
  if (weights.size() != count) return random.below(count);
  double sum = 0;
  for (const double weight : weights) sum += weight;
  double left = random.unit() * sum;
  for (std::size_t i = 0; i + 1 < count; ++i)
    if ((left -= weights[i]) < 0) return i;
  return count - 1;
}

}  // namespace

Status Shapes::finish() {
  least_.assign(shapes_.size(), kEndless);
  const auto sum = [](std::uint64_t a, std::uint64_t b) { return std::min(kEndless, a + b); };
  const auto least_of = [&](const Shape& shape) {
    std::uint64_t least = 1;
    switch (shape.kind) {
      case ShapeKind::kText:
      case ShapeKind::kBytes:
        least += shape.length_min / kBytesOfPart;
        break;
      case ShapeKind::kArray:
      case ShapeKind::kMap:
        if (shape.length_min > 0) {
          const std::uint64_t each = least_[shape.items];
          least = each >= kEndless / (shape.length_min + 1) ? kEndless
                                                            : sum(1, each * shape.length_min);
        }
        break;
      case ShapeKind::kRecord:
        for (const Shape::Field& field : shape.fields)
          if (field.odds >= 1 && field.one_of < 0) least = sum(least, least_[field.shape]);
        break;
      case ShapeKind::kUnion:
        least = kEndless;
        for (const Shape::Ref branch : shape.branches)
          least = std::min(least, sum(1, least_[branch]));
        break;
      default:
        break;
    }
    return least;
  };
  // Each round settles at least one shape more, or nothing changes any longer.
  for (bool changed = true; changed;) {
    changed = false;
    for (std::size_t i = shapes_.size(); i-- > 0;) {
      const std::uint64_t least = least_of(shapes_[i]);
      if (least >= least_[i]) continue;
      least_[i] = least;
      changed = true;
    }
  }
  const auto of_root = [&](std::string_view what) {
    const std::string& name = shapes_[root].name;
    return Error{.code = ErrorCode::kUsage,
                 .message = fmt::format("{}{}", name.empty() ? "the schema" : name, what)};
  };
  if (least_[root] >= kEndless) return of_root(" contains itself without an end");
  if (least_[root] > kLeastMax)
    return of_root(fmt::format(" has more than {} parts at the least", kLeastMax));
  return Done{};
}

/// The i-th of a map, unlike those before it.
std::string Shapes::draw_key(const Shape& map, std::uint64_t i, Random& random) const {
  const ShapeKind kind = map.branches.empty() ? ShapeKind::kText : at(map.branches.front()).kind;
  if (kind == ShapeKind::kBoolean) return i == 0 ? "false" : "true";
  if (kind == ShapeKind::kInteger) return fmt::format("{}", 10 * i + random.below(10));
  return fmt::format("{}{}", draw_word(random), i);
}

Value Shapes::draw(std::uint64_t seed, std::uint64_t n) const {
  Drawing drawing{.random = Random(random_at(seed ^ kForShapes, n))};
  return draw(root, 0, drawing);
}

Value Shapes::draw(Shape::Ref ref, int depth, Drawing& drawing) const {
  const Shape& shape = shapes_[ref];
  Random& random = drawing.random;
  ++drawing.parts;
  const bool shortest = depth >= kDepth || drawing.parts > kPartsWanted;
  if (!shape.options.empty())
    return shape.options[draw_weighted(shape.weights, shape.options.size(), random)];
  Value value;
  switch (shape.kind) {
    case ShapeKind::kNull:
    case ShapeKind::kPatch:
    case ShapeKind::kLiteral:
      break;
    case ShapeKind::kBoolean:
      value.number = random.unit() < shape.true_odds ? 1 : 0;
      break;
    case ShapeKind::kInteger:
      value.number = draw_integer(shape, random);
      break;
    case ShapeKind::kReal:
      value.real = draw_real(shape, random);
      break;
    case ShapeKind::kText:
      value.text = draw_text(shape, shortest, random);
      drawing.parts += value.text.size() / kBytesOfPart;
      break;
    case ShapeKind::kBytes:
      value.text = draw_bytes(shape, shortest, random);
      drawing.parts += value.text.size() / kBytesOfPart;
      break;
    case ShapeKind::kEnum:
      value.number =
          static_cast<std::int64_t>(draw_weighted(shape.weights, shape.symbols.size(), random));
      break;
    case ShapeKind::kArray:
    case ShapeKind::kMap: {
      const std::uint64_t length = draw_length(shape, shortest, random);
      for (std::uint64_t i = 0; i < length; ++i) {
        if (i >= shape.length_min && drawing.parts > kPartsWanted) break;
        if (shape.kind == ShapeKind::kMap) value.keys.push_back(draw_key(shape, i, random));
        Value item = draw(shape.items, depth + 1, drawing);
        // A few more tries for a set; what then still is there already is left out.
        for (int tries = 0; shape.unique && tries < 100 &&
                            std::ranges::find(value.parts, item) != value.parts.end();
             ++tries)
          item = draw(shape.items, depth + 1, drawing);
        if (!shape.unique || std::ranges::find(value.parts, item) == value.parts.end())
          value.parts.push_back(std::move(item));
      }
      break;
    }
    case ShapeKind::kRecord:
      draw_fields(shape, depth, drawing, value);
      break;
    case ShapeKind::kUnion: {
      const std::size_t branch = draw_branch(shape, shortest, random);
      value.number = static_cast<std::int64_t>(branch);
      value.parts.push_back(draw(shape.branches[branch], depth + 1, drawing));
      break;
    }
  }
  return value;
}

void Shapes::draw_fields(const Shape& shape, int depth, Drawing& drawing, Value& into) const {
  // One of each group, chosen before: the fields of a group need not stand together.
  std::vector<std::size_t> chosen;
  for (std::int32_t group = 0;; ++group) {
    std::vector<std::size_t> members;
    for (std::size_t i = 0; i < shape.fields.size(); ++i)
      if (shape.fields[i].one_of == group) members.push_back(i);
    if (members.empty()) break;
    std::size_t pick = members[drawing.random.below(members.size())];
    const bool shortest = depth + 1 >= kDepth || drawing.parts > kPartsWanted;
    if (shortest)
      pick = *std::ranges::min_element(
          members, {}, [&](std::size_t i) { return least_[shape.fields[i].shape]; });
    // A group may stay empty; it must where nothing in it has an end.
    if (least_[shape.fields[pick].shape] < kEndless) chosen.push_back(pick);
  }
  into.parts.reserve(shape.fields.size());
  for (std::size_t i = 0; i < shape.fields.size(); ++i) {
    const Shape::Field& field = shape.fields[i];
    const bool shortest = depth + 1 >= kDepth || drawing.parts > kPartsWanted;
    bool there = field.odds >= 1 || (drawing.random.unit() < field.odds && !shortest &&
                                     least_[field.shape] < kEndless);
    if (field.one_of >= 0) there = std::ranges::find(chosen, i) != chosen.end();
    if (there) {
      into.parts.push_back(draw(field.shape, depth + 1, drawing));
    } else {
      into.parts.emplace_back();
      into.parts.back().absent = true;
    }
  }
}

std::size_t Shapes::draw_branch(const Shape& shape, bool shortest, Random& random) const {
  const auto least = [&](std::size_t i) { return least_[shape.branches[i]]; };
  std::size_t best = 0;
  for (std::size_t i = 1; i < shape.branches.size(); ++i)
    if (least(i) < least(best)) best = i;
  if (shortest) return best;
  const std::size_t drawn = draw_weighted(shape.weights, shape.branches.size(), random);
  return least(drawn) < kEndless ? drawn : best;
}

std::uint64_t Shapes::draw_length(const Shape& shape, bool shortest, Random& random) const {
  if (shortest || least_[shape.items] >= kEndless) return shape.length_min;
  return shape.length_min + random.below(shape.length_max - shape.length_min + 1);
}

}  // namespace ds
