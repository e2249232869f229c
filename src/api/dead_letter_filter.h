// DeadLetterFilter: which dead letters a list or a summary is about.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "api/list_query.h"
#include "base/clock.h"
#include "base/uuid.h"
#include "db/params.h"

namespace ledgerline::api {

struct DeadLetterFilter {
    static constexpr std::string_view parameters[] = {"state", "error_class",  "error_code",   "account_id",
                                                      "lane",  "failed_after", "failed_before"};

    std::optional<std::string> state;
    std::optional<std::string> error_class;
    std::optional<std::string> error_code;
    std::optional<Uuid> account_id;
    std::optional<std::int64_t> lane;       // foreign letters have none
    std::optional<WallTime> failed_after;   // last failed at this time or later
    std::optional<WallTime> failed_before;  // last failed before this time

    // What is malformed is left out, and query says so.
    static DeadLetterFilter read(ListQuery& query);
    // Adds its seven parameters, in the order in which the statements name them.
    void add_to(db::Params& params) const;
};

}  // namespace ledgerline::api
