#include "api/dead_letter_endpoints.h"

#include <fmt/format.h>

#include <utility>

#include "api/dead_letter_requests.h"
#include "api/responses.h"
#include "sql/queries.h"

namespace ledgerline::api {
namespace {

// The size of a letter in an answer, if its message is as large as an event's may be.
constexpr std::size_t kLetterBytes = 128 * limits::kibibyte;
constexpr std::string_view kOrders[] = {"newest", "oldest"};

using Found = Result<std::optional<DeadLetterRecord>>;

Found first_letter(std::vector<DeadLetterRecord> letters) {
    if (letters.empty()) return std::nullopt;
    return std::move(letters.front());
}

Found find_letter(db::Connection& connection, const Uuid& id, int tenant) {
    LEDGERLINE_TRY(auto letters, connection.query(sql::LettersDeadLetterById{id, tenant}));
    return first_letter(std::move(letters));
}

// A decision made by an earlier call is made as durable as one made by this call, because the answer promises it.
Found commit_decision(db::Connection& connection, const Uuid& id, int tenant) {
    LEDGERLINE_TRY(const auto results,
                   connection.commit_pipeline(
                       {sql::DbSessionDurableMark{}, {db::commit, {}}, sql::LettersDeadLetterById{id, tenant}}));
    return first_letter(db::rows_of<sql::LettersDeadLetterById>(results.back()));
}

// Locks the letter, then its lanes, and gives each account of its transaction a place at which the worker decides it
// again. Finds the decision of an earlier run.
Found decide_letter(db::Connection& connection, const sql::LettersDecideDeadLetter& decide) {
    const Uuid id = decide.letter_id;
    LEDGERLINE_CHECK(connection.pipeline({{db::begin, {}},
                                          sql::LettersLockDeadLetter{id, decide.tenant},
                                          sql::LettersLockLanes{id, decide.tenant},
                                          decide}));
    return commit_decision(connection, id, decide.tenant);
}

template <class Query>
db::Call page_call(const ListQuery& query, const DeadLetterFilter& filter) {
    Query page;
    page.after_id = query.after_id();
    page.rows_max = query.limit() + 1;
    page.bytes_max = page_bytes;
    page.tenant = query.tenant();
    return filter.applied_to(page);
}

Result<std::string> read_page(db::Connection& connection, const db::Call& page, const ListQuery& query) {
    LEDGERLINE_TRY(
        const auto results,
        connection.pipeline({{db::begin, {}}, sql::LettersPlanForTheseParameters{}, page, {db::commit, {}}}));
    return page_text("dead_letters", db::TypedRows<DeadLetterRecord>(results[2]), query,
                     [](const DeadLetterRecord& each) { return each.id; });
}

Result<DeadLetterSummary> summarize(db::Connection& connection, const DeadLetterFilter& filter, int tenant) {
    using Groups = sql::LettersDeadLettersGroups;
    using Amounts = sql::LettersDeadLettersAmounts;
    LEDGERLINE_TRY(const auto results, connection.pipeline({sql::LettersBeginSnapshot{},
                                                            sql::LettersPlanForTheseParameters{},
                                                            filter.applied_to(Groups{.tenant = tenant}),
                                                            filter.applied_to(Amounts{.tenant = tenant}),
                                                            {db::commit, {}}}));
    return DeadLetterSummary{db::rows_of<Groups>(results[2]), db::rows_of<Amounts>(results[3])};
}

// The span of the message that became the letter.
std::optional<TraceContext> trace_of(const DeadLetterRecord& letter) {
    const auto headers = json::parse(letter.headers);
    const json::Array* pairs = headers ? headers->if_array() : nullptr;
    for (std::size_t i = 0; pairs && i < pairs->size(); ++i) {
        const json::Array* pair = (*pairs)[i].if_array();
        if (!pair || pair->size() != 2) continue;
        const std::string *name = (*pair)[0].if_string(), *value = (*pair)[1].if_string();
        if (name && value && *name == "traceparent") return TraceContext::parse(*value);
    }
    return std::nullopt;
}

http::Response not_found() {
    return http::to_response(problem(ProblemCode::dead_letter_not_found, "There is no dead letter with this id."));
}

http::Response decision_response(const Found& letter, std::string_view wanted_state) {
    if (!letter) return http::to_response(problem_of(letter.error()));
    if (!*letter) return not_found();
    if ((*letter)->state == wanted_state) return record_response(200, **letter);
    if ((*letter)->state == "PARKED")
        return http::to_response(
            problem(ProblemCode::foreign_dead_letter,
                    "This message is foreign (it belongs to no known event): it can only be discarded."));
    auto decided =
        problem(ProblemCode::dead_letter_decided, fmt::format("The dead letter is already {}.", (*letter)->state));
    decided.extensions.emplace_back("state", (*letter)->state);
    return http::to_response(decided);
}

}  // namespace

void DeadLetterEndpoints::add_routes(http::Router& router) {
    using http::Request;
    router.add({.method = "GET",
                .pattern = "/v1/dead-letters",
                .name = "list_dead_letters",
                .handler = [this](Request& request) { return list(request); },
                .scope = http::Scope::dead_letters_read});
    router.add({.method = "GET",
                .pattern = "/v1/dead-letters/summary",
                .name = "summarize_dead_letters",
                .handler = [this](const Request& request) { return summary(request); },
                .scope = http::Scope::dead_letters_read});
    router.add({.method = "GET",
                .pattern = "/v1/dead-letters/{id}",
                .name = "get_dead_letter",
                .handler = [this](Request& request) { return get(request); },
                .scope = http::Scope::dead_letters_read});
    router.add({.method = "POST",
                .pattern = "/v1/dead-letters/{id}/replay",
                .name = "replay_dead_letter",
                .handler = [this](Request& request) { return decide(request, Decision::replay); },
                .body_bytes_max = body_bytes_max,
                .scope = http::Scope::dead_letters_decide});
    router.add({.method = "POST",
                .pattern = "/v1/dead-letters/{id}/discard",
                .name = "discard_dead_letter",
                .handler = [this](Request& request) { return discard(request); },
                .body_bytes_max = body_bytes_max,
                .scope = http::Scope::dead_letters_decide});
}

DeadLetterEndpoints::Answer DeadLetterEndpoints::get(http::Request& request) {
    if (auto wrong = check_parameters(request, {})) co_return http::to_response(*wrong);
    const auto id = path_id(request);
    if (!id) co_return http::to_response(id.error());
    const Found letter = co_await database_.run(
        request.trace, [&](db::Connection& connection) { return find_letter(connection, *id, request.tenant); });
    if (!letter) co_return http::to_response(problem_of(letter.error()));
    if (!*letter) co_return not_found();
    co_return co_await read_response(request, **letter);
}

DeadLetterEndpoints::Answer DeadLetterEndpoints::list(http::Request& request) {
    std::vector<std::string_view> parameters(std::begin(DeadLetterFilter::parameters),
                                             std::end(DeadLetterFilter::parameters));
    parameters.push_back("order");
    ListQuery query(request, "dead-letters", parameters);
    const auto filter = DeadLetterFilter::read(query);
    const auto order = query.choice("order", kOrders);
    if (auto wrong = query.problem()) co_return http::to_response(*wrong);
    const db::Call page = order == "oldest" ? page_call<sql::LettersDeadLettersOldest>(query, filter)
                                            : page_call<sql::LettersDeadLettersNewest>(query, filter);
    auto letters = co_await database_.run(
        request.trace, [&](db::Connection& connection) { return read_page(connection, page, query); });
    if (!letters) co_return http::to_response(problem_of(letters.error()));
    co_return co_await text_response(request, *std::move(letters));
}

DeadLetterEndpoints::Answer DeadLetterEndpoints::summary(const http::Request& request) {
    if (auto wrong = check_parameters(request, DeadLetterFilter::parameters)) co_return http::to_response(*wrong);
    ListQuery query(request, "dead-letters/summary", DeadLetterFilter::parameters);
    const auto filter = DeadLetterFilter::read(query);
    if (auto wrong = query.problem()) co_return http::to_response(*wrong);
    const auto summary = co_await database_.run(
        request.trace, [&](db::Connection& connection) { return summarize(connection, filter, query.tenant()); });
    if (!summary) co_return http::to_response(problem_of(summary.error()));
    co_return record_response(200, *summary);
}

// At once, unless somebody else must approve it.
DeadLetterEndpoints::Answer DeadLetterEndpoints::discard(http::Request& request) {
    if (!approvals_.needed(ApprovedAction::discard)) co_return co_await decide(request, Decision::discard);
    if (auto wrong = check_parameters(request, {})) co_return http::to_response(*wrong);
    const auto id = path_id(request);
    if (!id) co_return http::to_response(id.error());
    const auto who = DecisionRequest::parse(request);
    if (!who) co_return http::to_response(who.error());
    const Found letter = co_await database_.run(
        request.trace, [&](db::Connection& connection) { return find_letter(connection, *id, request.tenant); });
    if (!letter || !*letter || (*letter)->state != "PARKED") co_return decision_response(letter, "DISCARDED");
    co_return co_await approvals_.ask(request, who->caller, {ApprovedAction::discard, *id});
}

DeadLetterEndpoints::Answer DeadLetterEndpoints::decide(http::Request& request, Decision decision) {
    if (auto wrong = check_parameters(request, {})) co_return http::to_response(*wrong);
    const auto id = path_id(request);
    if (!id) co_return http::to_response(id.error());
    const auto who = DecisionRequest::parse(request);
    if (!who) co_return http::to_response(who.error());
    // Before deciding anything: the answer must be able to report the decision.
    if (!co_await http::take_room(request.answer_memory, kLetterBytes)) co_return http::no_room();

    // The new event continues the trace of this request, which links to the trace that the letter ended.
    const bool replay = decision == Decision::replay;
    const Uuid event_id = ids_.next();
    Span span =
        tracer_.start_below(request.trace, SpanKind::internal, replay ? "replay dead letter" : "discard dead letter");
    span.set("ledgerline.dead_letter.id", *id);
    const std::string traceparent = span.context().to_string(), decided_by = who->caller.name();
    const sql::LettersDecideDeadLetter decide{.letter_id = *id,
                                              .verdict = replay ? "replay" : "discard",
                                              .decided_by = decided_by,
                                              .operator_name = who->caller.operator_name,
                                              .key_id = who->caller.key_id,
                                              .bulk_id = who->bulk_id,
                                              .reason = who->reason,
                                              .request_id = who->caller.request_id,
                                              .event_id = event_id,
                                              .traceparent = traceparent,
                                              .audit_id = ids_.next(),
                                              .peer = who->caller.peer,
                                              .tenant = request.tenant};
    const Found letter = co_await database_.run(
        span.context(), [&](db::Connection& connection) { return decide_letter(connection, decide); });
    if (letter && *letter)
        if (const auto original = trace_of(**letter)) span.link(*original);
    publisher_wakeup_.notify();
    co_return decision_response(letter, replay ? "REPLAYED" : "DISCARDED");
}

}  // namespace ledgerline::api
