#include "api/approvals.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ranges>

#include "api/key_requests.h"
#include "api/responses.h"
#include "api/transaction_request.h"
#include "http/api_key.h"
#include "sql/queries.h"

namespace ledgerline::api {
namespace {

constexpr std::string_view kListedStates[] = {"PENDING"};

struct ActionFacts {
    ApprovedAction action;
    std::string_view flag;  // in --require-approval
    std::string_view name;  // as stored and shown
    http::Scope scope;
};
constexpr std::array<ActionFacts, 3> kActions{
    {{ApprovedAction::discard, "discard", "discard_dead_letter", http::Scope::dead_letters_decide},
     {ApprovedAction::suspend, "suspend", "suspend_account", http::Scope::accounts_write},
     {ApprovedAction::close, "close", "close_account", http::Scope::accounts_write}}};

const ActionFacts& facts_of(ApprovedAction action) {
    return *std::ranges::find(kActions, action, &ActionFacts::action);
}
// Null for what a later version stored.
const ActionFacts* facts_of(std::string_view name) {
    const auto found = std::ranges::find(kActions, name, &ActionFacts::name);
    return found == kActions.end() ? nullptr : &*found;
}

bool may(const http::Request& request, const ActionFacts* facts) {
    return facts && (!request.key || request.key->scopes.allow(facts->scope));
}

// The names of the actions that the caller may see and decide on.
std::vector<std::string> names_for(const http::Request& request) {
    std::vector<std::string> names;
    for (const ActionFacts& each : kActions)
        if (may(request, &each)) names.emplace_back(each.name);
    return names;
}

http::Response no_key() {
    return http::to_response(http::edge_problem(403, http::edge_code::forbidden,
                                                "Approvals need API keys: one that asks, and another one."));
}

http::Response not_found() {
    return http::to_response(problem(ProblemCode::approval_not_found, "There is no approval with this id."));
}

http::Problem problem_of_obstacle(std::string_view obstacle, const std::optional<Uuid>& id) {
    if (obstacle == "own_request")
        return problem(ProblemCode::own_request, "Another API key must approve what this one asked for.");
    if (obstacle == "approval_expired")
        return problem(ProblemCode::approval_expired, "Nobody approved it in time: ask for it again.");
    if (obstacle == "approval_decided") return problem(ProblemCode::approval_decided, "It is decided already.");
    if (obstacle == "too_many_approvals")
        return problem(
            ProblemCode::too_many_approvals,
            fmt::format("{} requests wait for an approval: decide on some first.", ApprovalPolicy::pending_max));
    LEDGERLINE_ASSERT(obstacle == "approval_pending" && id);
    auto pending = problem(ProblemCode::approval_pending, "Another request for the same waits for its approval.");
    pending.extensions.emplace_back("approval_id", id->to_string());
    return pending;
}

// Who asked is stored with the request. The approver's name is the approver's.
std::optional<std::string> stored_body(const http::Request& request) {
    if (request.body.empty()) return std::nullopt;
    auto body = json::parse(request.body);
    LEDGERLINE_ASSERT(body && body->if_object());
    std::erase_if(*body->if_object(), [](const json::Member& member) { return member.first == "by"; });
    return json::serialize(*body);
}

// Whatever a statement says, after the approvals are locked, is committed or was done by an earlier run.
template <class Query>
Result<std::vector<typename Query::Row>> run_locked(db::Connection& connection, const Query& query) {
    LEDGERLINE_TRY(const auto results,
                   connection.commit_pipeline(
                       {{db::begin, {}}, sql::ApprovalsLock{}, query, sql::DbSessionDurableMark{}, {db::commit, {}}}));
    return db::rows_of<Query>(results[2]);
}

template <class Query>
Result<std::string> read_page(db::Connection& connection, const ListQuery& query,
                              const std::vector<std::string>& names) {
    const Query page{query.after_id().value_or(greatest_id()), query.limit() + 1, names, query.tenant()};
    LEDGERLINE_TRY(const auto rows, connection.query(page.statement, page.params()));
    return page_text("approvals", db::TypedRows<ApprovalRecord>(rows), query,
                     [](const ApprovalRecord& each) { return each.id; });
}

}  // namespace

std::string ApprovalPolicy::take(std::string_view text) {
    constexpr const char* rule = "some of discard, suspend and close, with commas between";
    if (text.empty()) return rule;
    std::set<ApprovedAction> taken;
    for (const auto part : std::views::split(text, ',')) {
        const auto found = std::ranges::find(kActions, std::string_view(part.begin(), part.end()), &ActionFacts::flag);
        if (found == kActions.end()) return rule;
        taken.insert(found->action);
    }
    actions = std::move(taken);
    return "";
}

void Approvals::add_routes(http::Router& router) {
    using http::Request;
    const auto add = [&](const char* method, const char* pattern, const char* name, http::Handler handler) {
        router.add({.method = method,
                    .pattern = pattern,
                    .name = name,
                    .handler = std::move(handler),
                    .body_bytes_max = method == std::string_view("POST") ? body_bytes_max : 0,
                    .scope = http::Scope::any});
    };
    add("GET", "/v1/approvals", "list_approvals", [this](Request& request) { return list(request); });
    add("GET", "/v1/approvals/{id}", "get_approval", [this](const Request& request) { return get(request); });
    add("POST", "/v1/approvals/{id}/approve", "approve",
        [this](Request& request) { return decide(request, Verdict::approve); });
    add("POST", "/v1/approvals/{id}/reject", "reject",
        [this](Request& request) { return decide(request, Verdict::reject); });
}

Approvals::Answer Approvals::ask(const http::Request& request, const Caller& caller, ApprovalSubject wanted) {
    if (!request.key) co_return no_key();
    const auto body = stored_body(request);
    const std::string subject_text = wanted.id.to_string();
    const sql::ApprovalsAsk ask{.id = ids_.next(),
                                .action = facts_of(wanted.action).name,
                                .subject = subject_text,
                                .request = body,
                                .requested_by = request.key->id,
                                .operator_name = caller.operator_name,
                                .peer = caller.peer,
                                .request_id = caller.request_id,
                                .lifetime_s = policy_.lifetime.count(),
                                .audit_id = ids_.next(),
                                .pending_max = ApprovalPolicy::pending_max,
                                .tenant = request.tenant};
    const auto asked =
        co_await database_.run(request.trace, [&](db::Connection& connection) { return run_locked(connection, ask); });
    if (!asked) co_return http::to_response(problem_of(asked.error()));
    const auto& [obstacle, id] = asked->front();
    if (obstacle) co_return http::to_response(problem_of_obstacle(*obstacle, id));
    const auto found = co_await find(request, *id);
    if (!found) co_return http::to_response(problem_of(found.error()));
    auto response = record_response(202, found->front());
    response.headers.emplace_back("Location", "/v1/approvals/" + id->to_string());
    co_return response;
}

boost::asio::awaitable<Result<std::vector<ApprovalRecord>>> Approvals::find(const http::Request& request,
                                                                            const Uuid& id) {
    co_return co_await database_.run(request.trace, [&](db::Connection& connection) {
        return connection.query(sql::ApprovalsById{id, request.tenant});
    });
}

Approvals::Answer Approvals::list(http::Request& request) {
    constexpr std::string_view filters[] = {"state"};
    ListQuery query(request, "approvals", filters);
    const bool only_pending = query.choice("state", kListedStates).has_value();
    if (auto wrong = query.problem()) co_return http::to_response(*wrong);
    const auto names = names_for(request);
    auto page = co_await database_.run(request.trace, [&](db::Connection& connection) {
        return only_pending ? read_page<sql::ApprovalsPendingPage>(connection, query, names)
                            : read_page<sql::ApprovalsPage>(connection, query, names);
    });
    if (!page) co_return http::to_response(problem_of(page.error()));
    co_return co_await text_response(request, *std::move(page));
}

Approvals::Answer Approvals::get(const http::Request& request) {
    if (auto wrong = check_parameters(request, {})) co_return http::to_response(*wrong);
    const auto id = path_id(request);
    if (!id) co_return http::to_response(id.error());
    const auto found = co_await find(request, *id);
    if (!found) co_return http::to_response(problem_of(found.error()));
    if (found->empty() || !may(request, facts_of(found->front().action))) co_return not_found();
    co_return record_response(200, found->front());
}

Approvals::Answer Approvals::decide(http::Request& request, Verdict verdict) {
    if (auto wrong = check_parameters(request, {})) co_return http::to_response(*wrong);
    const auto id = path_id(request);
    if (!id) co_return http::to_response(id.error());
    const auto caller = Caller::parse(request);
    if (!caller) co_return http::to_response(caller.error());
    const auto change = parse_key_change(request, KeyChangeKind::revoke);
    if (!change) co_return http::to_response(change.error());
    auto found = co_await find(request, *id);
    if (!found) co_return http::to_response(problem_of(found.error()));
    if (found->empty() || !may(request, facts_of(found->front().action))) co_return not_found();
    if (!request.key) co_return no_key();

    const sql::ApprovalsDecide decision{.id = *id,
                                        .verdict = verdict == Verdict::approve ? "APPROVED" : "REJECTED",
                                        .decided_by = request.key->id,
                                        .operator_name = caller->operator_name,
                                        .reason = change->reason,
                                        .peer = caller->peer,
                                        .request_id = caller->request_id,
                                        .audit_id = ids_.next(),
                                        .tenant = request.tenant};
    const auto decided = co_await database_.run(
        request.trace, [&](db::Connection& connection) { return run_locked(connection, decision); });
    if (!decided) co_return http::to_response(problem_of(decided.error()));
    if (decided->empty()) co_return not_found();
    if (const auto& obstacle = decided->front().obstacle)
        co_return http::to_response(problem_of_obstacle(*obstacle, std::nullopt));
    if (verdict == Verdict::approve) co_return co_await execute(request, std::move(found->front()));
    found = co_await find(request, *id);
    if (!found) co_return http::to_response(problem_of(found.error()));
    co_return record_response(200, found->front());
}

// As if the approver had asked. What it could not do is told, and the approval can be given again.
Approvals::Answer Approvals::execute(http::Request& request, ApprovalRecord approval) {
    request.path_params = {{"id", approval.subject}};
    request.body = std::move(approval.request).value_or("");
    http::Response done = co_await executes_.at(facts_of(approval.action)->action)(request);
    if (done.status >= 300) co_return done;
    const auto noted = co_await database_.run(request.trace, [&](db::Connection& connection) {
        return connection.execute(sql::ApprovalsExecuted{approval.id, request.tenant});
    });
    if (!noted) co_return http::to_response(problem_of(noted.error()));
    const auto found = co_await find(request, approval.id);
    if (!found) co_return http::to_response(problem_of(found.error()));
    co_return record_response(200, found->front());
}

}  // namespace ledgerline::api
