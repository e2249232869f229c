// What callers say about dead letters: which of them they mean (DeadLetterFilter), and who decides on one and why
// (DecisionRequest).
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "api/header_fields.h"
#include "api/list_query.h"
#include "base/clock.h"
#include "base/uuid.h"
#include "http/message.h"
#include "http/problem.h"

namespace ledgerline::api {

// The dead letters that a list or a summary selects.
struct DeadLetterFilter {
    static constexpr std::string_view parameters[] = {"state", "error_class",  "error_code",   "account_id",
                                                      "lane",  "failed_after", "failed_before"};

    std::optional<std::string> state;
    std::optional<std::string> error_class;
    std::optional<std::string> error_code;
    std::optional<Uuid> account_id;
    std::optional<int> lane;                // foreign letters have none
    std::optional<WallTime> failed_after;   // last failure at this time or later
    std::optional<WallTime> failed_before;  // last failure before this time

    // Malformed values are left out and reported by query.
    static DeadLetterFilter read(ListQuery& query);
    // The query with this filter, which must outlive it.
    template <class Query>
    Query applied_to(Query query) const {
        query.state = state;
        query.error_class = error_class;
        query.error_code = error_code;
        query.account_id = account_id;
        query.lane = lane;
        query.failed_after = failed_after;
        query.failed_before = failed_before;
        return query;
    }
};

// A decision, from the header X-Operator or the body: {"by": "...", "reason": "...", "bulk_id": "..."}. All of it may
// be left out, the body included.
struct DecisionRequest {
    Caller caller;
    std::optional<std::string> reason;
    std::optional<Uuid> bulk_id;

    static std::expected<DecisionRequest, http::Problem> parse(const http::Request& request);
};

}  // namespace ledgerline::api
