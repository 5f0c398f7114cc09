#include "web/hook_body.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>

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

std::optional<HookRefusal> HookBodyReader::read_one(std::string_view text) {
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
