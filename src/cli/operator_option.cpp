#include "cli/operator_option.h"

#include <cstdlib>

namespace ledgerline::cli {

std::string user_name() {
    const char* user = std::getenv("USER");
    return user ? user : "";
}

void declare_operator(Command& command, std::string& operator_name, std::string& reason) {
    command.option({"--operator", "NAME", "Who decides, for the audit"}, operator_name);
    command.option({"--reason", "TEXT", "Why, for the audit", no_variable}, reason);
}

std::vector<http::Header> operator_header(const std::string& operator_name) {
    if (operator_name.empty()) return {};
    return {{"X-Operator", operator_name}};
}

}  // namespace ledgerline::cli
