#include "api/event_request.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "api/header_fields.h"
#include "api/list_query.h"
#include "http/field_value.h"

namespace ledgerline::api {
namespace {

constexpr std::string_view kParameters[] = {"after", "wait", "account_id", "type", "limit"};
constexpr std::string_view kFilters[] = {"after", "wait", "account_id", "type"};
constexpr std::string_view kLatest = "latest";
constexpr std::size_t kCursorCharsMax = 2048;

http::Problem bad_cursor(const std::string& field) {
    return problem(ProblemCode::invalid_cursor, field + " must be the next_cursor of an earlier call, or \"latest\".",
                   field);
}

// Types between commas; a problem when one is unknown.
std::optional<http::Problem> read_types(const std::string& text, feed::FeedFilter& filter) {
    for (const std::string_view each : http::split_outside_quotes(text, ',')) {
        const auto known = std::ranges::find(feed::outcome_type_names, each);
        if (known == feed::outcome_type_names.end())
            return problem(ProblemCode::invalid_parameter,
                           fmt::format("type must be one or more of {}, with commas between them.",
                                       fmt::join(feed::outcome_type_names, ", ")),
                           "type");
        filter.add(static_cast<feed::OutcomeType>(known - feed::outcome_type_names.begin()));
    }
    return std::nullopt;
}

// Where to begin: Last-Event-ID of a client that connects again counts more than the address that it has kept.
std::optional<http::Problem> read_from(const http::Request& request, ListQuery& query, EventRequest& asked) {
    std::optional<std::string> cursor = query.text("after", kCursorCharsMax);
    const std::string* last = asked.as_stream ? request.header("last-event-id") : nullptr;
    if (last && !last->empty()) {
        cursor = *last;
        asked.from_field = "Last-Event-ID";
    }
    if (cursor == kLatest) return std::nullopt;
    asked.from = cursor ? feed::FeedPosition::parse(*cursor) : feed::FeedPosition();
    return asked.from ? std::nullopt : std::optional(bad_cursor(asked.from_field));
}

}  // namespace

std::expected<EventRequest, http::Problem> EventRequest::parse(const http::Request& request) {
    if (auto wrong = check_parameters(request, kParameters)) return std::unexpected(*std::move(wrong));
    ListQuery query(request, "events", kFilters, {});
    EventRequest asked;
    asked.as_stream = prefers(request, "text/event-stream");
    asked.filter.account_id = query.uuid("account_id");
    asked.wait = std::chrono::seconds(query.integer("wait", 0, wait_max.count()).value_or(0));
    asked.limit = static_cast<std::size_t>(query.limit());
    const auto types = query.text("type", 200);
    auto wrong = read_from(request, query, asked);
    if (query.problem()) return std::unexpected(*query.problem());
    if (!wrong && types) wrong = read_types(*types, asked.filter);
    if (wrong) return std::unexpected(*std::move(wrong));
    return asked;
}

}  // namespace ledgerline::api
