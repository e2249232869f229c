// The file of assets of one's own (base/money.h).
#pragma once

#include <string>

#include "base/result.h"

namespace ledgerline::roles {

// Makes the file's assets those of the process, before it has threads. Nothing when path is "". Error bad_usage, which
// names the file, the line and the rule.
Result<void> use_assets_file(const std::string& path);

}  // namespace ledgerline::roles
