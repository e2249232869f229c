#include "http/rate_limit.h"

#include <fmt/format.h>

#include "http/problem.h"

namespace ledgerline::http {

Response rate_limited(std::string_view what, const TokenBucket::Full& full) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(full.retry_after).count();
    Problem problem = edge_problem(
        429, edge_code::rate_limited,
        fmt::format("This API key may make {} {} a second. Nothing was done; try again.", full.per_second, what));
    problem.retry_after_seconds = static_cast<int>(seconds);
    Response response = to_response(problem);
    response.headers.emplace_back("RateLimit", fmt::format("\"{}\";r=0;t={}", what, seconds));
    response.headers.emplace_back("RateLimit-Policy", fmt::format("\"{}\";q={};w=1", what, full.per_second));
    return response;
}

}  // namespace ledgerline::http
