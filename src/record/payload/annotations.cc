#include "record/payload/annotations.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "record/content_hash.h"

namespace ds {
namespace {

constexpr std::uint64_t kLengthMax = 65'536;

/// One attribute after the other; a shape and where it stands.
class Annotator {
 public:
  Annotator(Shape& shape, const Json& of, std::string_view path, Complaints& complaints,
            double* odds)
      : shape_(shape), of_(of), path_(path), complaints_(complaints), odds_(odds) {}

  void apply() {
    if (!of_.is_object()) return wrong("ds", "is an object: {\"range\": [1, 100]}");
    for (const auto& [name, value] : of_.items()) {
      if (name == "range")
        range(value);
      else if (name == "normal")
        normal(value);
      else if (name == "zipf")
        zipf(value);
      else if (name == "options")
        options(value);
      else if (name == "weights")
        weights(value);
      else if (name == "length")
        length(value);
      else if (name == "odds")
        odds(value);
      else if (name == "text")
        text(value);
      else if (name == "role")
        role(value);
      else if (name == "iteration")
        iteration(value);
      else if (name != "start" && name != "step")
        wrong(name, "is no annotation that is known");
    }
  }

 private:
  void wrong(std::string_view name, std::string_view what) {
    complaints_.add(fmt::format("{}{}{}", path_, path_.empty() ? "" : ".", name), what);
  }
  bool is_number() const {
    return shape_.kind == ShapeKind::kInteger || shape_.kind == ShapeKind::kReal;
  }
  /// Two numbers, as a list or as {min, max}.
  std::optional<std::pair<Json, Json>> two(const Json& value) {
    if (value.is_array() && value.size() == 2 && value[0].is_number() && value[1].is_number())
      return std::pair(value[0], value[1]);
    if (value.is_object() && value.size() <= 2) {
      const auto part = [&](const char* name, Json otherwise) {
        const auto found = value.find(name);
        return found == value.end() ? otherwise : *found;
      };
      const Json min =
          part("min", shape_.kind == ShapeKind::kReal ? Json(shape_.real_min) : Json(shape_.min));
      const Json max =
          part("max", shape_.kind == ShapeKind::kReal ? Json(shape_.real_max) : Json(shape_.max));
      if (min.is_number() && max.is_number()) return std::pair(min, max);
    }
    return std::nullopt;
  }
  void range(const Json& value) {
    const auto ends = two(value);
    if (!is_number()) return wrong("range", "only numbers have one");
    if (!ends) return wrong("range", "is two numbers: [MIN, MAX]");
    if (shape_.kind == ShapeKind::kReal) {
      shape_.real_min = ends->first.get<double>();
      shape_.real_max = ends->second.get<double>();
      if (!(shape_.real_min <= shape_.real_max) ||
          !std::isfinite(shape_.real_max - shape_.real_min)) {
        shape_.real_min = shape_.real_max = 0;
        wrong("range", "its first number is above its second, or it is endless");
      }
      return;
    }
    const auto inside = [&](const Json& end, std::int64_t& into) {
      if (!end.is_number_integer()) return false;
      if (end.is_number_unsigned() && end.get<std::uint64_t>() > (~std::uint64_t{0} >> 1))
        return false;
      const auto wanted = end.get<std::int64_t>();
      if (shape_.bits == 32 &&
          (wanted < (shape_.is_unsigned ? 0 : std::numeric_limits<std::int32_t>::min()) ||
           wanted > (shape_.is_unsigned ? std::int64_t{std::numeric_limits<std::uint32_t>::max()}
                                        : std::int64_t{std::numeric_limits<std::int32_t>::max()})))
        return false;
      if (shape_.is_unsigned && wanted < 0) return false;
      into = wanted;
      return true;
    };
    std::int64_t min = 0, max = 0;
    if (!inside(ends->first, min) || !inside(ends->second, max) || min > max)
      return wrong("range", fmt::format("is two whole numbers of {} bits, the smaller one first",
                                        shape_.bits));
    shape_.min = min;
    shape_.max = max;
    shape_.ranged = true;
  }
  void limit_to_type() {
    if (shape_.ranged || shape_.kind != ShapeKind::kInteger) return;
    shape_.ranged = true;
    if (shape_.bits == 32) {
      shape_.min = shape_.is_unsigned ? 0 : std::numeric_limits<std::int32_t>::min();
      shape_.max = shape_.is_unsigned ? std::int64_t{std::numeric_limits<std::uint32_t>::max()}
                                      : std::int64_t{std::numeric_limits<std::int32_t>::max()};
    } else if (shape_.is_unsigned) {
      shape_.min = 0;
    }
  }
  void widen() {
    // The default range is for values that nobody describes.
    if (!of_.contains("range") && shape_.kind == ShapeKind::kReal) {
      shape_.real_min = -1e300;
      shape_.real_max = 1e300;
    }
    if (!of_.contains("range")) limit_to_type();
  }
  void normal(const Json& value) {
    const auto two_of = two(value);
    if (!is_number()) return wrong("normal", "only numbers have one");
    if (!two_of || two_of->second.get<double>() < 0)
      return wrong("normal", "is two numbers: [MEAN, SD]");
    shape_.normal = {two_of->first.get<double>(), two_of->second.get<double>()};
    widen();
  }
  void zipf(const Json& value) {
    const auto two_of = two(value);
    if (!is_number()) return wrong("zipf", "only numbers have one");
    const double s = two_of ? two_of->first.get<double>() : 0,
                 n = two_of ? two_of->second.get<double>() : 0;
    if (!(s > 0 && s <= 100 && n >= 1 && n <= 9e15)) return wrong("zipf", "is two numbers: [S, N]");
    shape_.zipf = Zipf(s, static_cast<std::uint64_t>(n));
    widen();
  }
  void options(const Json& value) {
    if (!value.is_array() || value.empty() || value.size() > 10'000)
      return wrong("options", "is a list of 1 to 10000 values");
    std::vector<Value> all;
    for (const Json& each : value) {
      Value option;
      bool fits = false;
      switch (shape_.kind) {
        case ShapeKind::kInteger:
          if ((fits = each.is_number_integer())) option.number = each.get<std::int64_t>();
          if (fits && shape_.bits == 32)
            fits = option.number >= std::numeric_limits<std::int32_t>::min() &&
                   option.number <= (shape_.is_unsigned
                                         ? std::int64_t{std::numeric_limits<std::uint32_t>::max()}
                                         : std::int64_t{std::numeric_limits<std::int32_t>::max()});
          break;
        case ShapeKind::kReal:
          if ((fits = each.is_number())) option.real = each.get<double>();
          break;
        case ShapeKind::kBoolean:
          if ((fits = each.is_boolean())) option.number = each.get<bool>() ? 1 : 0;
          break;
        case ShapeKind::kText:
          if ((fits = each.is_string())) option.text = each.get<std::string>();
          break;
        case ShapeKind::kEnum:
          if ((fits = each.is_string())) {
            const auto at = std::ranges::find(shape_.symbols, each.get<std::string>());
            fits = at != shape_.symbols.end();
            option.number = at - shape_.symbols.begin();
          }
          break;
        default:
          return wrong("options", "only numbers, texts, booleans and enums have some");
      }
      if (!fits)
        return wrong("options", fmt::format("{} is none of this type's values", shown(each)));
      all.push_back(std::move(option));
    }
    shape_.options = std::move(all);
  }
  static std::string shown(const Json& value) {
    std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
    if (text.size() > 60) text = text.substr(0, 57) + "...";
    return text;
  }
  void weights(const Json& value) {
    const auto known = of_.find("options");
    const std::size_t count = known != of_.end() && known->is_array() ? known->size()
                              : shape_.kind == ShapeKind::kEnum       ? shape_.symbols.size()
                                                                      : shape_.branches.size();
    std::vector<double> all;
    double sum = 0;
    if (value.is_array())
      for (const Json& each : value)
        if (each.is_number() && each.get<double>() >= 0) {
          all.push_back(each.get<double>());
          sum += all.back();
        }
    if (count == 0) return wrong("weights", "only options, enums and unions have some");
    if (!value.is_array() || all.size() != count || value.size() != count || !(sum > 0))
      return wrong("weights", fmt::format("is a list of {} numbers, not all 0", count));
    shape_.weights = std::move(all);
  }
  void length(const Json& value) {
    const bool has_length =
        !shape_.fixed && (shape_.kind == ShapeKind::kText || shape_.kind == ShapeKind::kBytes ||
                          shape_.kind == ShapeKind::kArray || shape_.kind == ShapeKind::kMap);
    if (!has_length) return wrong("length", "only texts, bytes, arrays and maps have one");
    std::optional<std::pair<Json, Json>> ends;
    if (value.is_number())
      ends = {value, value};
    else
      ends = two(value);
    const auto is_length = [](const Json& end) {
      return end.is_number_integer() && end.get<std::int64_t>() >= 0 &&
             end.get<std::int64_t>() <= static_cast<std::int64_t>(kLengthMax);
    };
    if (!ends || !is_length(ends->first) || !is_length(ends->second) ||
        ends->first.get<std::int64_t>() > ends->second.get<std::int64_t>())
      return wrong("length", fmt::format("is a number or [MIN, MAX], up to {}", kLengthMax));
    shape_.length_min = ends->first.get<std::uint64_t>();
    shape_.length_max = ends->second.get<std::uint64_t>();
  }
  void odds(const Json& value) {
    const double odds = value.is_number() ? value.get<double>() : -1;
    if (!(odds >= 0 && odds <= 1)) return wrong("odds", "is a number from 0 to 1");
    if (odds_ != nullptr && *odds_ < 1)
      *odds_ = odds;
    else if (shape_.kind == ShapeKind::kBoolean)
      shape_.true_odds = odds;
    else
      wrong("odds", "only booleans and optional fields have some");
  }
  void text(const Json& value) {
    constexpr std::pair<std::string_view, TextForm> kForms[] = {
        {"words", TextForm::kWords},       {"email", TextForm::kEmail},
        {"hostname", TextForm::kHostname}, {"ipv4", TextForm::kIpv4},
        {"ipv6", TextForm::kIpv6},         {"uri", TextForm::kUri},
        {"date", TextForm::kDate},         {"time", TextForm::kTime},
        {"date-time", TextForm::kDateTime}};
    if (shape_.kind != ShapeKind::kText) return wrong("text", "only texts have one");
    for (const auto& [name, form] : kForms)
      if (value.is_string() && value.get<std::string>() == name) {
        shape_.text = form;
        return;
      }
    wrong("text", "is words, email, hostname, ipv4, ipv6, uri, date, time or date-time");
  }
  std::int64_t whole(const char* name, std::int64_t otherwise) {
    const auto found = of_.find(name);
    if (found == of_.end()) return otherwise;
    if (found->is_number_integer() && std::abs(found->get<double>()) < 1e15)
      return found->get<std::int64_t>();
    wrong(name, "is a whole number");
    return otherwise;
  }
  void role(const Json& value) {
    constexpr std::pair<std::string_view, Patch::What> kRoles[] = {
        {"sequence", Patch::What::kRecord},
        {"stream", Patch::What::kStream},
        {"stream-sequence", Patch::What::kSequence},
        {"timestamp", Patch::What::kMillis},
        {"uuid", Patch::What::kUuid}};
    const auto* const found =
        std::ranges::find(kRoles, value.is_string() ? value.get<std::string>() : "",
                          [](const auto& role) { return std::string(role.first); });
    if (found == std::end(kRoles))
      return wrong("role", "is sequence, stream, stream-sequence, timestamp or uuid");
    Patch patch{.what = found->second};
    if (patch.what == Patch::What::kUuid) {
      if (shape_.kind != ShapeKind::kText) return wrong("role", "only a text can be a uuid");
    } else if (patch.what == Patch::What::kMillis && shape_.kind == ShapeKind::kText) {
      patch.what = Patch::What::kIsoTime;
    } else if (shape_.kind != ShapeKind::kInteger) {
      return wrong("role", "only a whole number can have this role");
    }
    patch.start = whole("start", 0);
    patch.step = whole("step", 1);
    become(patch);
  }
  void iteration(const Json& value) {
    if (shape_.kind != ShapeKind::kInteger || !value.is_object())
      return wrong("iteration", "only whole numbers have one: {\"start\": 0, \"step\": 1}");
    Patch patch{.what = Patch::What::kRecord};
    for (const auto& [name, each] : value.items()) {
      if (!each.is_number_integer()) return wrong("iteration", "its numbers are whole");
      if (name == "start")
        patch.start = each.get<std::int64_t>();
      else if (name == "step")
        patch.step = each.get<std::int64_t>();
      else
        return wrong("iteration", fmt::format("'{}' is not known: start and step are", name));
    }
    become(patch);
  }
  void become(Patch patch) {
    patch.salt = content::hash_bytes(path_, 1);
    shape_.kind = ShapeKind::kPatch;
    shape_.patch = patch;
  }

  Shape& shape_;
  const Json& of_;
  const std::string_view path_;
  Complaints& complaints_;
  double* odds_;
};

}  // namespace

Error Complaints::error(std::string_view file) const {
  std::string all;
  for (const std::string& each : all_)
    all += fmt::format("{}{}: {}", all.empty() ? "" : "\n", file, each);
  return Error{.code = ErrorCode::kUsage, .message = std::move(all)};
}

Result<Json> parse_json(std::string_view text, std::string_view file) {
  const auto wrong = [&](std::size_t at, std::string_view why) {
    const std::string_view before = text.substr(0, std::min(at, text.size()));
    return Error{.code = ErrorCode::kUsage,
                 .message = fmt::format("{}:{}:{}: this is no JSON{}", file,
                                        std::ranges::count(before, '\n') + 1,
                                        before.size() - (before.rfind('\n') + 1) + 1, why)};
  };
  try {
    return Json::parse(text);
  } catch (const nlohmann::json::parse_error& error) {
    const std::string_view said(error.what());
    const std::size_t detail = std::min(said.find(": syntax error"), said.find(": "));
    return wrong(error.byte == 0 ? 0 : error.byte - 1,
                 detail == std::string_view::npos ? "" : said.substr(detail));
  } catch (const nlohmann::json::out_of_range& error) {  // it names the number, not its place
    const std::string_view said(error.what());
    const std::size_t from = std::min(said.find('\''), said.size() - 1);
    const std::string_view number = said.substr(from + 1, said.rfind('\'') - from - 1);
    return wrong(text.find(number), ": a number that no computer holds");
  }
}

void annotate(Shape& shape, const Json& annotations, std::string_view path, Complaints& complaints,
              double* odds) {
  Annotator(shape, annotations, path, complaints, odds).apply();
}

void annotate_from(Shape& shape, const Json& object, std::string_view path, Complaints& complaints,
                   double* odds) {
  for (const char* name : {"arg.properties", "ds"})
    if (const auto found = object.find(name); found != object.end())
      annotate(shape, *found, fmt::format("{}{}{}", path, path.empty() ? "" : ".", name),
               complaints, odds);
}

}  // namespace ds
