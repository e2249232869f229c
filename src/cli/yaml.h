// JSON values as YAML, in block style, for people who read them or keep them in files.
#pragma once

#include <string>

#include "base/json.h"

namespace ledgerline::cli {

// The lines of an object or array, indented; a scalar stands on one line. Texts that could be read as anything else are
// quoted.
std::string yaml_of(const json::Value& value);
// The same as an item of a sequence: "- id: ...".
std::string yaml_item_of(const json::Value& value);

}  // namespace ledgerline::cli
