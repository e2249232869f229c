// Flags and arguments that become fields of requests, checked before anything is sent.
#pragma once

#include <string>

#include "base/json.h"
#include "cli/command.h"

namespace ledgerline::cli {

// The rule for an argument that is an id.
std::string uuid_rule(const std::string& value);

// --currency, an ISO 4217 code.
void declare_currency(Command& command, std::string& currency, const std::string& help, bool required);
// --metadata; null when not given.
void declare_metadata(Command& command, json::Value& metadata);

}  // namespace ledgerline::cli
