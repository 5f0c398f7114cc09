#include "cli/registry_options.h"

#include <fmt/format.h>

#include "record/tweet_forms.h"

namespace ds::cli {

RegistryOptions read_registry(Reader& read) {
  RegistryOptions options;
  options.settings.url = read.text("registry");
  options.settings.user = read.text("registry-user");
  options.settings.password = read.text("registry-password");
  options.settings.ca_file = read.text("registry-ca");
  options.settings.give_up = 10 * kSecond;  // before anything is sent
  options.subject = read.text("subject");
  options.look_up = read.on("schema-look-up");
  const std::string& url = options.settings.url;
  if (!url.empty() && !url.starts_with("http://") && !url.starts_with("https://"))
    read.wrong("registry", Error{.code = ErrorCode::kUsage,
                                 .message = fmt::format("'{}' is no URL", url),
                                 .hint = "http://HOST:PORT or https://HOST:PORT"});
  return options;
}

std::vector<std::pair<std::string, std::string>> read_references(Reader& read) {
  std::vector<std::pair<std::string, std::string>> references;
  for (const std::string& each : read.list("reference")) {
    const std::size_t equals = each.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == each.size())
      read.wrong("reference", Error{.code = ErrorCode::kUsage,
                                    .message = fmt::format("'{}' names no type and file", each),
                                    .hint = "shop.Address=address.avsc"});
    else
      references.emplace_back(each.substr(0, equals), each.substr(equals + 1));
  }
  return references;
}

Status frame_values(StormOptions& options, const Clock& clock) {
  const RegistryOptions& asked = options.registry;
  if (asked.settings.url.empty() && options.schema_id == 0) return Done{};
  std::optional<SchemaText> schema =
      options.values ? options.values->payload->schema() : tweet_schema(options.tweet_encoding);
  if (!asked.settings.url.empty()) {
    check(schema.has_value(), "that there is a schema was asked while reading");
    Registry registry(asked.settings, clock);
    const std::string subject =
        asked.subject.empty() ? options.topic.name + "-value" : asked.subject;
    const auto id = asked.look_up ? registry.look_up(subject, *schema)
                                  : registry.register_schema(subject, *schema);
    if (!id) return id.error();
    options.schema_id = *id;
  }
  options.frame = confluent_frame(options.schema_id, schema.value_or(SchemaText{}));
  if (options.values)
    options.values = make_pool(options.values->payload, options.frame, options.tweets.pool);
  return Done{};
}

}  // namespace ds::cli
