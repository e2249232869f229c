#include "http/rate_limit.h"

#include <fmt/format.h>

#include <utility>

#include "http/problem.h"

namespace ledgerline::http {
namespace {

Response refused(std::string detail, std::string_view policy, std::int64_t seconds) {
    Problem problem = edge_problem(429, edge_code::rate_limited, std::move(detail));
    problem.retry_after_seconds = static_cast<int>(seconds);
    problem.extensions.emplace_back("limit", policy);
    Response response = to_response(problem);
    response.headers.emplace_back("RateLimit", fmt::format("\"{}\";r=0;t={}", policy, seconds));
    return response;
}

Response no_seat(std::string detail, std::string_view policy, std::int64_t seats_max) {
    Response response = refused(std::move(detail), policy, 1);
    response.headers.emplace_back("RateLimit-Policy", fmt::format("\"{}\";q={}", policy, seats_max));
    return response;
}

}  // namespace

Response rate_limited(const RateLimit& limit, const TokenBucket::Full& full) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(full.retry_after).count();
    Response response = refused(fmt::format("This {} may make {} {} a second. Nothing was done; try again.",
                                            limit.whose, full.per_second, limit.what),
                                limit.policy, seconds);
    response.headers.emplace_back("RateLimit-Policy", fmt::format("\"{}\";q={};w=1", limit.policy, full.per_second));
    return response;
}

Response too_many_waiters(const TenantLimits& limits) {
    const std::int64_t most = limits.waiters_max.value_or(0);
    return no_seat(fmt::format("{} requests of this tenant may wait at a time. Ask without wait, or try again.", most),
                   "tenant-waiters", most);
}

Response too_many_connections_of_key(std::int64_t connections_max) {
    return no_seat(fmt::format("{} connections may use this API key at a time. Nothing was done; use those that are "
                               "open, or try again.",
                               connections_max),
                   "connections", connections_max);
}

}  // namespace ledgerline::http
