#include "api/dead_letter_filter.h"

#include <cstddef>

namespace ledgerline::api {
namespace {

constexpr std::string_view kStates[] = {"PARKED", "REPLAYED", "DISCARDED"};
constexpr std::string_view kErrorClasses[] = {"permanent", "unknown", "foreign"};
constexpr std::size_t kErrorCodeCharsMax = 100;

}  // namespace

DeadLetterFilter DeadLetterFilter::read(ListQuery& query) {
    const auto lane = query.integer("lane", 0, INT32_MAX);
    return {.state = query.choice("state", kStates),
            .error_class = query.choice("error_class", kErrorClasses),
            .error_code = query.text("error_code", kErrorCodeCharsMax),
            .account_id = query.uuid("account_id"),
            .lane = lane ? std::optional(static_cast<int>(*lane)) : std::nullopt,
            .failed_after = query.time("failed_after"),
            .failed_before = query.time("failed_before")};
}

}  // namespace ledgerline::api
