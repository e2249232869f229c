#include "api/dead_letter_endpoints.h"

#include <fmt/format.h>

#include <utility>

#include "api/fields.h"
#include "api/responses.h"
#include "api/transaction_request.h"
#include "sql/queries.h"

namespace ledgerline {
namespace {

constexpr std::string_view kStates[] = {"PARKED", "REPLAYED", "DISCARDED"};
constexpr std::string_view kErrorClasses[] = {"permanent", "unknown", "foreign"};
constexpr std::size_t kErrorCodeCharsMax = 100;
constexpr std::size_t kByCharsMax = 100;
// decided_by where the caller does not say who it is.
constexpr const char* kDefaultBy = "api";

using Found = Result<std::optional<DeadLetterRecord>>;

Found first_letter(const pg::Rows& rows) {
    if (rows.empty()) return std::nullopt;
    return read_dead_letter(rows, 0);
}

Found find_letter(pg::Connection& connection, const Uuid& id) {
    pg::Params params;
    params.add(id);
    LEDGERLINE_TRY(auto rows, connection.query(sql::api_dead_letter_by_id, params));
    return first_letter(rows);
}

// One round trip. The lane is locked first, as intake does it, and the letter after that.
Found replay_letter(pg::Connection& connection, const Uuid& id, const Uuid& event_id, const std::string& traceparent,
                    const std::string& by) {
    pg::Params letter, replay;
    letter.add(id);
    replay.add(id).add(event_id).add(traceparent).add(by);
    LEDGERLINE_TRY(auto results, connection.pipeline({{pg::begin, {}},
                                                      {sql::api_lock_lane_of_dead_letter, letter},
                                                      {sql::api_replay_dead_letter, replay},
                                                      {pg::commit, {}},
                                                      {sql::api_dead_letter_by_id, letter}}));
    return first_letter(results.back());
}

Found discard_letter(pg::Connection& connection, const Uuid& id, const std::string& by) {
    pg::Params letter, discard;
    letter.add(id);
    discard.add(id).add(by);
    LEDGERLINE_TRY(auto results, connection.pipeline({{pg::begin, {}},
                                                      {sql::api_discard_dead_letter, discard},
                                                      {pg::commit, {}},
                                                      {sql::api_dead_letter_by_id, letter}}));
    return first_letter(results.back());
}

// Who decides: {"by": "..."}. The body may be left out.
std::expected<std::string, http::Problem> parse_by(const http::Request& request) {
    if (request.body.empty()) return kDefaultBy;
    const auto body = parse_body(request);
    if (!body) return std::unexpected(body.error());
    Fields fields(*body, "");
    auto by = fields.text("by", kByCharsMax).value_or(kDefaultBy);
    if (auto broken = fields.finish()) return std::unexpected(std::move(*broken));
    return by;
}

http::Response not_found() {
    return http::to_response(problem(ProblemCode::dead_letter_not_found, "There is no dead letter with this id."));
}

http::Response decision_response(const Found& letter, std::string_view wanted_state) {
    if (!letter) return http::to_response(problem_of(letter.error()));
    if (!*letter) return not_found();
    if ((*letter)->state == wanted_state) return record_response(200, **letter);
    if ((*letter)->state == "PARKED")
        return http::to_response(problem(ProblemCode::foreign_dead_letter,
                                         "This message announces no event of ours: it can only be discarded."));
    auto decided =
        problem(ProblemCode::dead_letter_decided, fmt::format("The dead letter is {} already.", (*letter)->state));
    decided.extensions.emplace_back("state", (*letter)->state);
    return http::to_response(decided);
}

}  // namespace

void DeadLetterEndpoints::add_routes(http::Router& router) {
    using http::Request;
    router.add({.method = "GET",
                .pattern = "/v1/dead-letters",
                .name = "list_dead_letters",
                .handler = [this](const Request& request) { return list(request); }});
    router.add({.method = "GET",
                .pattern = "/v1/dead-letters/{id}",
                .name = "get_dead_letter",
                .handler = [this](const Request& request) { return get(request); }});
    router.add({.method = "POST",
                .pattern = "/v1/dead-letters/{id}/replay",
                .name = "replay_dead_letter",
                .handler = [this](const Request& request) { return decide(request, Decision::replay); },
                .body_bytes_max = body_bytes_max});
    router.add({.method = "POST",
                .pattern = "/v1/dead-letters/{id}/discard",
                .name = "discard_dead_letter",
                .handler = [this](const Request& request) { return decide(request, Decision::discard); },
                .body_bytes_max = body_bytes_max});
}

DeadLetterEndpoints::Answer DeadLetterEndpoints::get(const http::Request& request) {
    if (auto wrong = check_parameters(request, {})) co_return http::to_response(*wrong);
    const auto id = path_id(request);
    if (!id) co_return http::to_response(id.error());
    const Found letter =
        co_await database_.run([&](pg::Connection& connection) { return find_letter(connection, *id); });
    if (!letter) co_return http::to_response(problem_of(letter.error()));
    if (!*letter) co_return not_found();
    co_return record_response(200, **letter);
}

DeadLetterEndpoints::Answer DeadLetterEndpoints::list(const http::Request& request) {
    constexpr std::string_view filters[] = {"state", "error_class", "error_code", "account_id"};
    ListQuery query(request, "dead-letters", filters);
    const auto state = query.choice("state", kStates);
    const auto error_class = query.choice("error_class", kErrorClasses);
    const auto error_code = query.text("error_code", kErrorCodeCharsMax);
    const auto account_id = query.uuid("account_id");
    if (query.problem()) co_return http::to_response(*query.problem());
    auto letters = co_await database_.run([&](pg::Connection& connection) -> Result<std::vector<DeadLetterRecord>> {
        pg::Params params;
        params.add(query.after_id().value_or(greatest_id())).add(query.limit() + 1);
        params.add(state).add(error_class).add(error_code).add(account_id);
        LEDGERLINE_TRY(auto rows, connection.query(sql::api_dead_letters_page, params));
        return read_all(rows, read_dead_letter);
    });
    if (!letters) co_return http::to_response(problem_of(letters.error()));
    co_return page_response("dead_letters", std::move(*letters), query,
                            [](const DeadLetterRecord& each) { return each.id; });
}

DeadLetterEndpoints::Answer DeadLetterEndpoints::decide(const http::Request& request, Decision decision) {
    if (auto wrong = check_parameters(request, {})) co_return http::to_response(*wrong);
    const auto id = path_id(request);
    if (!id) co_return http::to_response(id.error());
    const auto by = parse_by(request);
    if (!by) co_return http::to_response(by.error());

    if (decision == Decision::replay) {
        const Uuid event_id = ids_.next();
        const std::string traceparent = request.trace.to_string();
        const Found letter = co_await database_.run(
            [&](pg::Connection& connection) { return replay_letter(connection, *id, event_id, traceparent, *by); });
        publisher_wakeup_.notify();
        co_return decision_response(letter, "REPLAYED");
    }
    const Found letter =
        co_await database_.run([&](pg::Connection& connection) { return discard_letter(connection, *id, *by); });
    outcome_wakeup_.notify();
    co_return decision_response(letter, "DISCARDED");
}

}  // namespace ledgerline
