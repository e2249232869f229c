#include "api/event_request.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "api/header_fields.h"
#include "api/list_query.h"
#include "api/parameters.h"
#include "http/field_value.h"

namespace ledgerline::api {
namespace {

constexpr std::string_view kParameters[] = {"after", "wait", "account_id", "type", "limit"};
constexpr std::string_view kLatest = "latest";
constexpr std::size_t kCursorCharsMax = 2048;
constexpr std::size_t kTypesCharsMax = 200;

class EventQuery final : public Parameters {
public:
    explicit EventQuery(const http::Request& request) : Parameters(request, kParameters) {}

    feed::FeedFilter filter() {
        feed::FeedFilter filter{.account_id = uuid("account_id")};
        const auto types = text("type", kTypesCharsMax);
        if (types) read_types(*types, filter);
        return filter;
    }

    // Where to begin; empty: now.
    std::optional<feed::FeedPosition> position(const std::string& field, const std::string& cursor) {
        if (cursor == kLatest) return std::nullopt;
        const auto position = feed::FeedPosition::parse(cursor);
        if (!position)
            complain(ProblemCode::invalid_cursor, field,
                     field + " must be the next_cursor of an earlier call, or \"latest\".");
        return position;
    }

private:
    // With commas between them.
    void read_types(const std::string& text, feed::FeedFilter& filter) {
        for (const std::string_view each : http::split_outside_quotes(text, ',')) {
            const auto known = std::ranges::find(feed::outcome_type_names, each);
            if (known == feed::outcome_type_names.end())
                return refuse("type", fmt::format("type must be one or more of {}, with commas between them.",
                                                  fmt::join(feed::outcome_type_names, ", ")));
            filter.add(static_cast<feed::OutcomeType>(known - feed::outcome_type_names.begin()));
        }
    }
};

}  // namespace

// Last-Event-ID of a client that connects again counts more than the address that it has kept.
std::expected<EventRequest, http::Problem> EventRequest::parse(const http::Request& request) {
    EventQuery query(request);
    EventRequest asked;
    asked.as_stream = prefers(request, "text/event-stream");
    asked.filter = query.filter();
    asked.filter.tenant = request.tenant;
    asked.wait = std::chrono::seconds(query.integer("wait", 0, wait_max.count()).value_or(0));
    asked.limit = static_cast<std::size_t>(query.integer("limit", 1, page_rows_max).value_or(page_rows_default));
    const auto after = query.text("after", kCursorCharsMax);
    const std::string* last = asked.as_stream ? request.header("last-event-id") : nullptr;
    if (last && !last->empty()) {
        asked.from_field = "Last-Event-ID";
        asked.from = query.position(asked.from_field, *last);
    } else {
        asked.from = after ? query.position(asked.from_field, *after) : feed::FeedPosition();
    }
    if (auto wrong = query.problem()) return std::unexpected(*std::move(wrong));
    return asked;
}

}  // namespace ledgerline::api
