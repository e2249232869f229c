// Target: the path and the query of a request target, percent-decoded.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/problem.h"

namespace ledgerline::http {

struct Target {
    std::string path;
    std::vector<std::pair<std::string, std::string>> query;  // in order; names may repeat
};

// target: in origin form, or "*". In the query a plus sign is a space, as in HTML forms. 400 invalid_target when an
// escape is not % and two hexadecimal digits, represents a control character or, in the path, a slash, or when the
// decoded text is not UTF-8.
std::expected<Target, Problem> parse_target(std::string_view target);

}  // namespace ledgerline::http
