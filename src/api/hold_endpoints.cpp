// The parts of TransactionEndpoints under /v1/holds.
#include <fmt/format.h>

#include <limits>
#include <utility>

#include "api/fields.h"
#include "api/list_scan.h"
#include "api/responses.h"
#include "api/transaction_endpoints.h"
#include "base/money.h"
#include "domain/hold.h"
#include "sql/queries.h"

namespace ledgerline::api {
namespace {

constexpr std::int64_t kExpirySecondsMax = std::int64_t{90} * 24 * 3600;
constexpr std::int64_t kExpirySecondsDefault = std::int64_t{7} * 24 * 3600;
constexpr std::int64_t kScanMax = 2'000;  // rows that a page looks at for those of a state
constexpr std::string_view kStates[] = {"PENDING", "OPEN", "CAPTURED", "RELEASED", "EXPIRED", "FAILED"};
constexpr char kNotBothAccounts[] = "must not be given together with account_id";
constexpr char kNotBothPayees[] = "must not be given together with to_account_id";
constexpr char kNotBothExpiries[] = "must not be given together with expires_at";

http::Problem no_hold() { return problem(ProblemCode::hold_not_found, "There is no hold with this id."); }

// Where a capture goes: an account by its id or its reference.
void read_payee(Fields& fields, TransactionRequest& request) {
    request.hold->to = fields.uuid("to_account_id");
    auto reference = fields.text("to_reference", account_reference_chars_max);
    if (request.hold->to && reference) fields.complain(ProblemCode::invalid_field, "to_reference", kNotBothPayees);
    if (reference) request.names.push_back({*std::move(reference), fields.path_of("to_reference")});
}

void read_expiry(Fields& fields, TransactionRequest::HoldTerms& terms) {
    terms.expires_in_s = fields.integer("expires_in_s", 1, kExpirySecondsMax);
    terms.expires_at = fields.time("expires_at");
    if (terms.expires_at && terms.expires_in_s)
        fields.complain(ProblemCode::invalid_field, "expires_in_s", kNotBothExpiries);
    if (!terms.expires_at && !terms.expires_in_s) terms.expires_in_s = kExpirySecondsDefault;
}

std::expected<TransactionRequest, http::Problem> parse_hold(const json::Value& value, std::string path,
                                                            const std::optional<std::string>& header_key) {
    TransactionRequest request{.item = {}, .names = {}, .path = path, .hold = TransactionRequest::HoldTerms{}};
    Fields fields(value, std::move(path));
    const auto id = fields.uuid("account_id");
    auto reference = fields.text("account_reference", account_reference_chars_max);
    if (id && reference) fields.complain(ProblemCode::invalid_field, "account_reference", kNotBothAccounts);
    if (!fields.has("account_reference")) fields.require("account_id");
    for (const char* name : {"amount_cents", "currency"}) fields.require(name);
    intake::IntakeItem& item = request.item;
    item.type = TransactionType::hold;
    item.account_id = id.value_or(Uuid{});
    if (reference) request.names.push_back({*std::move(reference), fields.path_of("account_reference"), 0, true});
    item.amount_cents = fields.integer("amount_cents", 1, amount_cents_max).value_or(0);
    item.currency = fields.currency("currency").value_or("");
    read_payee(fields, request);
    read_expiry(fields, *request.hold);
    read_common(fields, header_key, item);
    if (auto broken = fields.finish()) return std::unexpected(std::move(*broken));
    if (request.names.empty())
        if (auto wrong = request.set_terms()) return std::unexpected(std::move(*wrong));
    return request;
}

// amount_cents 0 stands for the rest of the hold.
std::expected<TransactionRequest, http::Problem> parse_capture(const json::Value& value, std::string path,
                                                               const std::optional<std::string>& header_key) {
    TransactionRequest request{.item = {}, .names = {}, .path = path, .hold = TransactionRequest::HoldTerms{}};
    Fields fields(value, std::move(path));
    request.item.type = TransactionType::capture;
    request.item.amount_cents = fields.integer("amount_cents", 1, amount_cents_max).value_or(0);
    request.hold->final = fields.truth("final").value_or(true);
    read_payee(fields, request);
    read_common(fields, header_key, request.item);
    if (auto broken = fields.finish()) return std::unexpected(std::move(*broken));
    return request;
}

std::expected<TransactionRequest, http::Problem> parse_release(const json::Value& value, std::string path,
                                                               const std::optional<std::string>& header_key) {
    TransactionRequest request{.item = {}, .names = {}, .path = path, .hold = TransactionRequest::HoldTerms{}};
    Fields fields(value, std::move(path));
    request.item.type = TransactionType::release;
    read_common(fields, header_key, request.item);
    if (auto broken = fields.finish()) return std::unexpected(std::move(*broken));
    return request;
}

std::optional<http::Problem> wrong_expiry(const TransactionRequest::HoldTerms& terms, WallTime now) {
    if (!terms.expires_at) return std::nullopt;
    if (*terms.expires_at <= now)
        return problem(ProblemCode::expiry_passed, "expires_at must be in the future.", "expires_at");
    if (*terms.expires_at > now + std::chrono::seconds(kExpirySecondsMax))
        return problem(ProblemCode::invalid_field, "expires_at must be within 90 days.", "expires_at");
    return std::nullopt;
}

// What intake can tell already. The worker judges the rest in the lane's order.
std::optional<http::Problem> obstacle_of(const sql::ApiHoldToSettle::Row& hold, const intake::IntakeItem& item) {
    if (hold.state == "FAILED") return problem(ProblemCode::hold_failed, "The hold was refused.");
    if (hold.state != "OPEN" && hold.state != "PENDING")
        return problem(ProblemCode::hold_closed, fmt::format("The hold is {}.", hold.state));
    if (item.type != TransactionType::capture) return std::nullopt;
    if (hold.overdue) return problem(ProblemCode::hold_expired, "The hold has expired.");
    if (item.amount_cents > hold.rest_cents)
        return problem(ProblemCode::capture_exceeds_hold,
                       fmt::format("amount_cents must be at most {}, the rest of the hold.", hold.rest_cents),
                       "amount_cents");
    return std::nullopt;
}

// Whose account it may be paid to; nothing: anybody's.
std::optional<std::int64_t> payees_of(const http::Request& request) {
    return request.may_cross_tenants() ? std::nullopt : std::optional<std::int64_t>(request.tenant);
}

Result<std::string> read_holds(db::Connection& connection, const ListQuery& query,
                               const std::optional<Uuid>& account_id, const std::optional<std::string>& state) {
    const Uuid before = query.after_id().value_or(greatest_id());
    const std::int64_t scan_max = state ? kScanMax : query.limit() + 1;
    const db::Call scan = account_id
                              ? db::Call(sql::ApiScanAccountHolds{before, scan_max, state, *account_id, query.tenant()})
                              : db::Call(sql::ApiScanHoldsByState{before, scan_max, state, query.tenant()});
    LEDGERLINE_TRY(const auto scanned, connection.query(scan.statement, scan.params));
    const Found found = found_in<sql::ScannedId>(scanned, query, CursorKind::id);
    const sql::ApiHoldsOfPage page{found.ids, state, query.limit() + 1, page_bytes, query.tenant()};
    LEDGERLINE_TRY(const auto rows, connection.query(page.statement, page.params()));
    return page_text("holds", db::TypedRows<HoldRecord>(rows), query, [](const HoldRecord& each) { return each.id; },
                     {.next_cursor = found.next_cursor, .members = {}});
}

}  // namespace

void TransactionEndpoints::add_hold_routes(http::Router& router) {
    using http::Request;
    router.add({.method = "POST",
                .pattern = "/v1/holds",
                .name = "create_hold",
                .handler = [this](Request& request) { return post_hold(request); },
                .body_bytes_max = body_bytes_max,
                .scope = http::Scope::holds_write,
                .is_payment = true});
    router.add({.method = "GET",
                .pattern = "/v1/holds",
                .name = "list_holds",
                .handler = [this](Request& request) { return list_holds(request); },
                .scope = http::Scope::transactions_read});
    router.add({.method = "GET",
                .pattern = "/v1/holds/{id}",
                .name = "get_hold",
                .handler = [this](const Request& request) { return get_hold(request); },
                .scope = http::Scope::transactions_read});
    router.add({.method = "POST",
                .pattern = "/v1/holds/{id}/capture",
                .name = "capture_hold",
                .handler = [this](Request& request) { return settle_hold(request, TransactionType::capture); },
                .body_bytes_max = body_bytes_max,
                .scope = http::Scope::holds_write,
                .is_payment = true});
    router.add({.method = "POST",
                .pattern = "/v1/holds/{id}/release",
                .name = "release_hold",
                .handler = [this](Request& request) { return settle_hold(request, TransactionType::release); },
                .body_bytes_max = body_bytes_max,
                .scope = http::Scope::holds_write,
                .is_payment = true});
}

// A known key is left to intake: an old request replays, whatever has become of its hold.
boost::asio::awaitable<std::optional<http::Problem>> TransactionEndpoints::check_new_hold(
    const http::Request& request, const TransactionRequest& hold) {
    using Checked = Result<std::optional<http::Problem>>;
    const WallTime now = clock_.wall_now();
    auto checked = co_await payments_.run(request.trace, [&](db::Connection& connection) -> Checked {
        LEDGERLINE_TRY(const auto known, connection.query(sql::ApiAmountOfKey{
                                             hold.item.account_id, hold.item.idempotency_key, request.tenant}));
        if (!known.empty()) return std::nullopt;
        if (auto wrong = wrong_expiry(*hold.hold, now)) return wrong;
        if (!hold.hold->to) return std::nullopt;
        LEDGERLINE_TRY(const auto payee, connection.query(sql::ApiPayeeOfHold{*hold.hold->to, payees_of(request)}));
        const std::string field = hold.field_of(*hold.hold->to);
        if (payee.empty()) return problem(ProblemCode::account_not_found, "There is no account with this id.", field);
        if (payee.front().currency == hold.item.currency) return std::nullopt;
        return problem(ProblemCode::currency_mismatch,
                       fmt::format("The account's currency is {}.", payee.front().currency), field);
    });
    co_return checked ? *std::move(checked) : problem_of(checked.error());
}

TransactionEndpoints::Answer TransactionEndpoints::post_hold(http::Request& request) {
    Parameters parameters(request, dry_run_parameters);
    const bool dry = parameters.truth("dry_run");
    if (auto wrong = parameters.problem()) co_return http::to_response(*wrong);
    auto items = co_await take_item(request, parse_hold);
    if (!items) co_return std::move(items).error();
    co_await resolve_names(request, *items);
    TransactionRequest* hold = items->front() ? &*items->front() : nullptr;
    if (hold)
        if (auto wrong = co_await check_new_hold(request, *hold)) co_return http::to_response(*wrong);
    if (dry) co_return co_await dry_run(request, *std::move(items));
    const auto outcomes = co_await accept(request, *std::move(items));
    auto response = answer_to_post(outcomes);
    if (response.status != 201) co_return response;
    const Uuid id = outcomes.items[0]->transaction.id;
    const auto found = co_await payments_.run(request.trace, [&](db::Connection& connection) {
        return connection.query(sql::ApiHoldById{id, request.tenant});
    });
    if (!found) co_return http::to_response(problem_of(found.error()));
    // The key may be that of a transaction of another kind only if the body differs, which intake has refused.
    if (found->empty()) co_return http::to_response(problem(ProblemCode::internal_error, "The hold cannot be read."));
    response.body.clear();
    append_json(found->front(), response.body);
    for (auto& [name, value] : response.headers)
        if (name == "Location") value = "/v1/holds/" + id.to_string();
    co_return response;
}

boost::asio::awaitable<std::optional<http::Problem>> TransactionEndpoints::bind_to_hold(const http::Request& request,
                                                                                        TransactionRequest& settles) {
    const auto id = path_id(request);
    if (!id) co_return id.error();
    intake::IntakeItem& item = settles.item;
    const auto found = co_await payments_.run(request.trace, [&](db::Connection& connection) {
        return connection.query(sql::ApiHoldToSettle{*id, item.idempotency_key, request.tenant});
    });
    if (!found) co_return problem_of(found.error());
    if (found->empty()) co_return no_hold();
    const auto& hold = found->front();
    if (!hold.known_cents)
        if (auto wrong = obstacle_of(hold, item)) co_return wrong;
    item.parent_id = *id;
    item.account_id = hold.account_id;
    item.currency = hold.currency;
    if (item.amount_cents == 0) item.amount_cents = hold.known_cents.value_or(hold.rest_cents);
    if (!settles.hold->to && settles.names.empty()) settles.hold->to = hold.to_account_id;
    co_return settles.names.empty() ? settles.set_terms() : std::nullopt;
}

TransactionEndpoints::Answer TransactionEndpoints::settle_hold(http::Request& request, TransactionType type) {
    if (auto wrong = check_parameters(request, {})) co_return http::to_response(*wrong);
    auto items = co_await take_item(request, type == TransactionType::capture ? parse_capture : parse_release);
    if (!items) co_return std::move(items).error();
    if (auto wrong = co_await bind_to_hold(request, *items->front())) co_return http::to_response(*wrong);
    co_return co_await answer(request, *std::move(items));
}

TransactionEndpoints::Answer TransactionEndpoints::get_hold(const http::Request& request) {
    if (auto wrong = check_parameters(request, {})) co_return http::to_response(*wrong);
    const auto id = path_id(request);
    if (!id) co_return http::to_response(id.error());
    const auto found = co_await reads_.run(request.trace, [&](db::Connection& connection) {
        return connection.query(sql::ApiHoldById{*id, request.tenant});
    });
    if (!found) co_return http::to_response(problem_of(found.error()));
    if (found->empty()) co_return http::to_response(no_hold());
    co_return record_response(200, found->front());
}

TransactionEndpoints::Answer TransactionEndpoints::list_holds(http::Request& request) {
    constexpr std::string_view filters[] = {"account_id", "state"};
    ListQuery query(request, "holds", filters);
    const auto account_id = query.uuid("account_id");
    const auto state = query.choice("state", kStates);
    if (auto wrong = query.problem()) co_return http::to_response(*wrong);
    auto page = co_await reads_.run(
        request.trace, [&](db::Connection& connection) { return read_holds(connection, query, account_id, state); });
    if (!page) co_return http::to_response(problem_of(page.error()));
    co_return co_await text_response(request, *std::move(page));
}

}  // namespace ledgerline::api
