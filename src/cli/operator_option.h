// Who decides and why, for the audit: --operator and --reason.
#pragma once

#include <string>
#include <vector>

#include "cli/command.h"
#include "http/client.h"

namespace ledgerline::cli {

// The default operator: the user of this process; "" if it has no name.
std::string user_name();

void declare_operator(Command& command, std::string& operator_name, std::string& reason);

// The header X-Operator, if there is a name.
std::vector<http::Header> operator_header(const std::string& operator_name);

}  // namespace ledgerline::cli
