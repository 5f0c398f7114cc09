// Confluent's frame around values: by a registry that is told the schema, or with an id that is
// known.
#pragma once

#include "cli/storm_options.h"
#include "registry/registry.h"

namespace ds::cli {

inline constexpr std::string_view kRegistrySettings[] = {
    "registry", "registry-user", "registry-password", "registry-ca", "schema-look-up",
    "subject",  "schema",        "reference"};

/// Everything wrong is told to `read`.
RegistryOptions read_registry(Reader& read);
/// "NAME=FILE", each.
std::vector<std::pair<std::string, std::string>> read_references(Reader& read);

/// Asks the registry, if one is named, for the id of what `options` sends, and puts the frame
/// before the values. Nothing to do without registry and id.
Status frame_values(StormOptions& options, const Clock& clock);

}  // namespace ds::cli
