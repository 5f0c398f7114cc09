#include "web/hook_body.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <charconv>

#include "net/http.h"

namespace ds {
namespace {

constexpr std::string_view kEvent = "package:publish";
constexpr std::string_view kBlanks = " \t\r\n";

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

HookRefusal bad(std::string why) {
  return {400, std::move(why)};
}

}  // namespace

/// Walks a flat object of plain values, as sensors send them: no escapes, nothing but ASCII,
/// numbers of up to 15 digits without an exponent. Whatever else it meets is the parser's to judge.
class HookBodyReader::PlainWalk {
 public:
  explicit PlainWalk(std::string_view text) : at_(text.data()), end_(at_ + text.size()) {}

  /// Calls `field(name, value)` for each; the value of a text is without its quotes. False when the
  /// object is not plain, or `field` says false.
  template <typename Field>
  bool each(Field&& field) {
    if (!take('{')) return false;
    do {
      std::string_view name;
      if (skip_blanks(), !quoted(name)) return false;
      if (skip_blanks(), !take(':')) return false;
      skip_blanks();
      Value value;
      if (!take_value(value) || !field(name, value)) return false;
      skip_blanks();
    } while (take(','));
    return take('}') && at_ == end_;
  }

  enum class Kind { kText, kWhole, kOther };
  struct Value {
    Kind kind = Kind::kOther;
    std::string_view text;
  };

 private:
  bool take(char c) {
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }
  void skip_blanks() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\t')) ++at_;
  }
  bool quoted(std::string_view& text) {
    if (!take('"')) return false;
    const char* const from = at_;
    while (at_ != end_ && *at_ >= ' ' && *at_ <= '~' && *at_ != '"' && *at_ != '\\') ++at_;
    text = {from, static_cast<std::size_t>(at_ - from)};
    return take('"');
  }
  bool take_value(Value& value) {
    if (at_ == end_) return false;
    if (*at_ == '"') {
      value.kind = Kind::kText;
      return quoted(value.text);
    }
    if (*at_ == '-' || (*at_ >= '0' && *at_ <= '9')) return number(value);
    for (const std::string_view word : {"true", "false", "null"})
      if (std::string_view(at_, end_).starts_with(word)) {
        at_ += word.size();
        return true;
      }
    return false;
  }
  std::size_t digits() {
    const char* const from = at_;
    while (at_ != end_ && *at_ >= '0' && *at_ <= '9') ++at_;
    return static_cast<std::size_t>(at_ - from);
  }
  /// What may stand behind it is looked at by who goes on: an exponent is no comma.
  bool number(Value& value) {
    const char* const from = at_;
    take('-');
    const bool zero = at_ != end_ && *at_ == '0';
    const std::size_t whole = digits();
    if (whole == 0 || whole > kDigitsMax || (zero && whole > 1)) return false;
    value.kind = Kind::kWhole;
    if (take('.')) {
      value.kind = Kind::kOther;
      if (const std::size_t rest = digits(); rest == 0 || rest > 2 * kDigitsMax) return false;
    }
    value.text = {from, static_cast<std::size_t>(at_ - from)};
    return true;
  }

  static constexpr std::size_t kDigitsMax = 15;
  const char* at_;
  const char* const end_;
};

struct HookBodyReader::Json {
  simdjson::dom::parser parser;
  simdjson::ondemand::parser finder;
};

std::optional<HookFormat> hook_format(std::optional<std::string_view> content_type) {
  if (!content_type) return HookFormat::kJson;
  const std::string_view type = trimmed(content_type->substr(0, content_type->find(';')));
  if (same_header(type, "application/json")) return HookFormat::kJson;
  for (const std::string_view lines : {"application/x-ndjson", "application/ndjson",
                                       "application/jsonl", "application/x-jsonlines"})
    if (same_header(type, lines)) return HookFormat::kLines;
  return std::nullopt;
}

bool may_be_topic(std::string_view name) {
  if (name.empty() || name.size() > 249 || name == "." || name == "..") return false;
  return std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

HookBodyReader::HookBodyReader(std::vector<std::string> topics)
    : topics_(std::move(topics)), json_(std::make_unique<Json>()) {}
HookBodyReader::~HookBodyReader() = default;

std::optional<HookRefusal> HookBodyReader::read(HookFormat format, ByteView body) {
  events_.clear();
  std::string_view rest = as_text(body);
  if (format == HookFormat::kJson) return read_one(trimmed(rest));
  for (std::size_t line = 1; !rest.empty(); ++line) {
    const std::string_view text = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(text.size() + 1, rest.size()));
    const std::string_view object = trimmed(text);
    if (object.empty()) continue;
    if (auto refused = read_one(object)) {
      refused->why = fmt::format("line {}: {}", line, refused->why);
      return refused;
    }
  }
  if (events_.empty()) return bad("there is no line in the body");
  return std::nullopt;
}

std::optional<HookRefusal> HookBodyReader::topic_of(std::string_view name,
                                                    std::uint32_t& index) const {
  const auto found = std::ranges::find(topics_, name);
  if (found != topics_.end()) {
    index = static_cast<std::uint32_t>(found - topics_.begin());
    return std::nullopt;
  }
  if (!may_be_topic(name)) return bad("no topic may have this name");
  return HookRefusal{403, fmt::format("the topic {} is not open to this hook", name)};
}

/// Reads most of what is sent, at a fifth of the parser's cost, and refuses nothing.
bool HookBodyReader::read_plain(std::string_view text) {
  HookEvent made{.value = as_bytes(text)};
  int topics = 0, producers = 0;
  const bool plain = PlainWalk(text).each([&](std::string_view name, const auto& value) {
    if (name == "event" || name == "payload") return false;
    if (name == "topic")
      return ++topics == 1 && value.kind == PlainWalk::Kind::kText &&
             !topic_of(value.text, made.topic);
    if (name == "producer_id") {
      if (++producers > 1) return false;
      if (value.kind != PlainWalk::Kind::kWhole) return true;
      std::int64_t id = -1;
      std::from_chars(value.text.data(), value.text.data() + value.text.size(), id);
      if (id >= 0) made.producer = id;
    }
    return true;
  });
  if (plain) events_.push_back(made);
  return plain;
}

std::optional<HookRefusal> HookBodyReader::read_one(std::string_view text) {
  if (read_plain(text)) return std::nullopt;
  return parse_one(text);
}

std::optional<HookRefusal> HookBodyReader::parse_one(std::string_view text) {
  using simdjson::SUCCESS;
  namespace dom = simdjson::dom;
  dom::object object;
  dom::element document;
  if (text.empty()) return bad("the body is empty");
  if (json_->parser.parse(text.data(), text.size()).get(document) != SUCCESS)
    return bad("it is not JSON");
  if (document.get(object) != SUCCESS) return bad("it is not a JSON object");

  // What is said twice two readers may understand differently.
  int events = 0, payloads = 0;
  std::string_view event;
  dom::element payload;
  for (const auto& [key, value] : object) {
    if (key == "event") {
      if (++events > 1) return bad("event is said twice");
      if (value.get(event) != SUCCESS) return bad("event is not a text");
    } else if (key == "payload") {
      if (++payloads > 1) return bad("payload is said twice");
      payload = value;
    }
  }
  HookEvent made{.value = as_bytes(text)};
  const bool enveloped = events + payloads > 0;
  if (enveloped) {
    if (event != kEvent) return bad(fmt::format("the event is not {}", kEvent));
    if (payloads == 0) return bad("there is no payload");
    if (payload.get(object) != SUCCESS) return bad("the payload is not an object");
    std::string_view raw;
    simdjson::ondemand::document found;
    simdjson::ondemand::object inner;
    const simdjson::padded_string_view padded(text, text.size() + simdjson::SIMDJSON_PADDING);
    if (json_->finder.iterate(padded).get(found) != SUCCESS ||
        found.find_field_unordered("payload").get(inner) != SUCCESS ||
        inner.raw_json().get(raw) != SUCCESS)
      return bad("the payload cannot be found");
    made.value = as_bytes(trimmed(raw));
  }
  int topics = 0, producers = 0;
  for (const auto& [key, value] : object) {
    if (key == "topic") {
      std::string_view name;
      if (++topics > 1) return bad("topic is said twice");
      if (value.get(name) != SUCCESS) return bad("topic is not a text");
      if (auto refused = topic_of(name, made.topic)) return refused;
    } else if (key == "producer_id") {
      if (++producers > 1) return bad("producer_id is said twice");
      std::int64_t id = -1;
      if (value.get(id) == SUCCESS && id >= 0) made.producer = id;
    }
  }
  events_.push_back(made);
  return std::nullopt;
}

}  // namespace ds
