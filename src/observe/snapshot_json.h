// A snapshot read back from its JSON, as `monitor` gets it from a running dashboard.
#pragma once

#include <string_view>

#include "base/result.h"
#include "observe/snapshot.h"

namespace ds {

/// Fields that are missing keep their defaults; unknown ones are passed over, so that versions may
/// differ. Anything of the wrong kind is an error that names the field.
Result<Snapshot> parse_snapshot(std::string_view json);

}  // namespace ds
