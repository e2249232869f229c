// Flags and arguments that become fields of requests, checked before anything is sent.
#pragma once

#include <string>

#include "base/json.h"
#include "cli/command.h"

namespace ledgerline::cli {

// Of an argument that is the id of something.
std::string uuid_rule(const std::string& value);

// --currency, a code of ISO 4217.
void declare_currency(Command& command, std::string& currency, const std::string& help, bool required);
// --metadata; null when it is not given.
void declare_metadata(Command& command, json::Value& metadata);

}  // namespace ledgerline::cli
