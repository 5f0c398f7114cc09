#include "cli/producer_properties.h"

#include <fmt/format.h>

#include <charconv>

#include "base/wrong_use.h"

namespace ds::cli {
namespace {

using kafka::Acks;
using kafka::ClientSettings;
using kafka::ProducerSettings;

Result<std::int64_t> whole(const std::string& text, std::int64_t least, std::int64_t most) {
  std::int64_t value = 0;
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (wrong != std::errc() || end != text.data() + text.size() || value < least || value > most)
    return wrong_use(fmt::format("'{}' is not allowed", text),
                     fmt::format("a whole number from {} to {}", least, most));
  return value;
}

constexpr std::int64_t kMsMax = 2'147'483'647;

Status take_ms(const std::string& text, std::int64_t least, Nanos& into) {
  auto ms = whole(text, least, kMsMax);
  if (!ms) return std::move(ms).error();
  into = *ms * kMillisecond;
  return Done{};
}

template <typename T>
Status take_number(const std::string& text, std::int64_t least, std::int64_t most, T& into) {
  auto number = whole(text, least, most);
  if (!number) return std::move(number).error();
  into = static_cast<T>(*number);
  return Done{};
}

Status take_acks(const std::string& text, Acks& into) {
  if (text == "0" || text == "1")
    into = text == "0" ? Acks::kNone : Acks::kLeader;
  else if (text == "-1" || text == "all")
    into = Acks::kAll;
  else
    return wrong_use(fmt::format("'{}' is not allowed", text), "0, 1, -1 or all");
  return Done{};
}

Status take_truth(const std::string& text, bool& into) {
  if (text != "true" && text != "false")
    return wrong_use(fmt::format("'{}' is not allowed", text), "true or false");
  into = text == "true";
  return Done{};
}

Status take_codec(const std::string& text, std::string& into) {
  for (const std::string_view known : {"none", "gzip", "snappy", "lz4", "zstd"})
    if (text == known) {
      into = text;
      return Done{};
    }
  return wrong_use(fmt::format("'{}' is not allowed", text), "none, gzip, snappy, lz4 or zstd");
}

struct Known {
  std::string_view name;
  Status (*take)(const std::string& text, ClientSettings& client, ProducerSettings& producer);
};

// librdkafka's names and, where they differ, the Java client's.
constexpr std::int64_t kBytesMax = std::int64_t{64} << 20;
constexpr Known kKnown[] = {
    {"acks", [](auto& t, auto&, auto& p) { return take_acks(t, p.acks); }},
    {"request.required.acks", [](auto& t, auto&, auto& p) { return take_acks(t, p.acks); }},
    {"batch.size",
     [](auto& t, auto&, auto& p) { return take_number(t, 1024, kBytesMax, p.batch_bytes_max); }},
    {"compression.codec", [](auto& t, auto&, auto& p) { return take_codec(t, p.compression); }},
    {"compression.type", [](auto& t, auto&, auto& p) { return take_codec(t, p.compression); }},
    {"compression.level",
     [](auto& t, auto&, auto& p) { return take_number(t, -1, 22, p.compression_level); }},
    {"delivery.timeout.ms",
     [](auto& t, auto&, auto& p) { return take_ms(t, 1, p.delivery_timeout); }},
    {"message.timeout.ms",
     [](auto& t, auto&, auto& p) { return take_ms(t, 1, p.delivery_timeout); }},
    {"enable.idempotence", [](auto& t, auto&, auto& p) { return take_truth(t, p.idempotent); }},
    {"linger.ms", [](auto& t, auto&, auto& p) { return take_ms(t, 0, p.linger); }},
    {"queue.buffering.max.ms", [](auto& t, auto&, auto& p) { return take_ms(t, 0, p.linger); }},
    {"max.in.flight",
     [](auto& t, auto&, auto& p) { return take_number(t, 1, 1000, p.in_flight_max); }},
    {"max.in.flight.requests.per.connection",
     [](auto& t, auto&, auto& p) { return take_number(t, 1, 1000, p.in_flight_max); }},
    {"request.timeout.ms",
     [](auto& t, auto& c, auto&) { return take_ms(t, 1, c.request_timeout); }},
    {"socket.connection.setup.timeout.ms",
     [](auto& t, auto& c, auto&) { return take_ms(t, 1, c.connect_timeout); }},
    {"retry.backoff.ms", [](auto& t, auto&, auto& p) { return take_ms(t, 1, p.retry_backoff); }},
    {"retry.backoff.max.ms",
     [](auto& t, auto&, auto& p) { return take_ms(t, 1, p.retry_backoff_max); }},
};

}  // namespace

std::vector<Error> take_producer_properties(ClientSettings& client, ProducerSettings& producer) {
  std::vector<Error> wrong;
  for (const Known& known : kKnown) {
    const auto found = client.properties.find(std::string(known.name));
    if (found == client.properties.end()) continue;
    if (Status taken = known.take(found->second, client, producer); !taken) {
      Error error = std::move(taken).error();
      error.message = fmt::format("{}: {}", known.name, error.message);
      wrong.push_back(std::move(error));
    }
    client.properties.erase(found);
  }
  return wrong;
}

std::vector<std::string_view> producer_property_names() {
  std::vector<std::string_view> names;
  for (const Known& known : kKnown) names.push_back(known.name);
  return names;
}

}  // namespace ds::cli
