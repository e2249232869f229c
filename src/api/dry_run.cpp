// The part of TransactionEndpoints that says what would become of a transaction now: by the rules of intake and of
// apply, on the accounts as the decisions so far have left them.
#include <map>
#include <utility>

#include "api/key_limits.h"
#include "api/responses.h"
#include "api/transaction_endpoints.h"
#include "domain/hold.h"
#include "domain/posting.h"
#include "sql/queries.h"

namespace ledgerline::api {
namespace {

using intake::IntakeResult;
using States = std::map<Uuid, sql::ApiAccountStates::Row>;

constexpr std::string_view kNotice = "Decided as of now: what waits to be applied is not counted. Nothing was stored.";

// Why intake would refuse it for one of its accounts.
std::optional<http::Problem> refused_at_intake(const TransactionRequest& request, std::span<const Effect> effects,
                                               const States& states) {
    IntakeResult result;
    for (const Effect& effect : effects) {
        result.account_id = effect.account_id;
        const auto account = states.find(effect.account_id);
        if (account == states.end()) {
            result.status = IntakeResult::Status::account_not_found;
        } else if (const auto status = intake::refusal_of_status(account->second.status, request.item.type)) {
            result.status = *status;
        } else if (account->second.currency != effect.currency) {
            result.status = IntakeResult::Status::currency_mismatch;
            result.account_currency = account->second.currency;
        } else {
            continue;
        }
        return refusal(result, request);
    }
    return std::nullopt;
}

AccountState state_of(const sql::ApiAccountStates::Row& row) {
    const auto status = parse_account_status(row.status);
    db::expect(status.has_value(), "expected the status of an account");
    return {row.id,  row.currency,   row.balance_cents,    row.min_balance_cents,
            *status, row.held_cents, row.max_balance_cents};
}

std::vector<Posting> decide(const intake::IntakeItem& item, std::span<Touch> touches) {
    if (item.type != TransactionType::hold) return post(touches);
    // Its time has been checked: it has not expired yet.
    Hold hold{.amount_cents = item.amount_cents, .expires_at = WallTime::max()};
    return post(hold, {.type = item.type, .amount_cents = item.amount_cents}, touches);
}

std::string text_of(std::span<const Effect> effects, std::span<const Posting> postings) {
    const Posting& first = postings.front();
    std::string out;
    JsonObject object(out);
    object.add("dry_run", true)
        .add("status", first.refusal ? "FAILED" : "PROCESSED")
        .add("failure_code", first.refusal ? std::optional(code_of(*first.refusal)) : std::nullopt)
        .add("failure_reason", first.refusal ? std::optional(first.failure_reason) : std::nullopt);
    object.begin("accounts");
    out.push_back('[');
    for (std::size_t i = 0; i < effects.size(); ++i) {
        if (i > 0) out.push_back(',');
        JsonObject(out)
            .add("account_id", effects[i].account_id)
            .add("net_cents", effects[i].net_cents)
            .add("balance_after_cents", postings[i].balance_after_cents)
            .add("held_after_cents", postings[i].held_after_cents)
            .add("available_after_cents", postings[i].balance_after_cents - postings[i].held_after_cents)
            .close();
    }
    out.push_back(']');
    object.add("notice", kNotice).close();
    return out;
}

}  // namespace

TransactionEndpoints::Answer TransactionEndpoints::dry_run(const http::Request& request, BatchItems items) {
    refuse_beyond_limits(request, items);
    if (!items.front()) co_return http::to_response(items.front().error());
    const TransactionRequest& asked = *items.front();
    intake::IntakeItem item = asked.item;
    item.tenant = request.tenant;
    item.pays_other_tenants = request.may_cross_tenants();
    const std::vector<Effect> effects = intake::effects_of(item);
    std::vector<Uuid> ids;
    std::vector<std::optional<std::int64_t>> tenants;
    for (const Effect& effect : effects) {
        ids.push_back(effect.account_id);
        tenants.push_back(intake::tenant_needed(item, effect));
    }
    const auto rows = co_await reads_.run(request.trace, [&](db::Connection& connection) {
        return connection.query(sql::ApiAccountStates{ids, tenants});
    });
    if (!rows) co_return http::to_response(problem_of(rows.error()));
    States states;
    for (const auto& row : *rows) states.emplace(row.id, row);
    if (const auto refused = refused_at_intake(asked, effects, states)) co_return http::to_response(*refused);
    std::vector<AccountState> accounts;
    accounts.reserve(effects.size());
    std::vector<Touch> touches;
    for (const Effect& effect : effects) {
        accounts.push_back(state_of(states.at(effect.account_id)));
        touches.push_back({.account = &accounts.back(), .net_cents = effect.net_cents, .currency = effect.currency});
    }
    co_return json_response(200, text_of(effects, decide(asked.item, touches)));
}

}  // namespace ledgerline::api
