// The part of TransactionEndpoints that reverses transactions.
#include <fmt/format.h>

#include <utility>

#include "api/fields.h"
#include "api/responses.h"
#include "api/transaction_endpoints.h"
#include "base/money.h"
#include "domain/reversal.h"
#include "sql/queries.h"

namespace ledgerline::api {
namespace {

using Reversed = sql::ApiTransactionToReverse::Row;

constexpr std::size_t kReasonCharsMax = 255;

// amount_cents 0 stands for what is left.
std::expected<TransactionRequest, http::Problem> parse_reversal(const json::Value& value, std::string path,
                                                                const std::optional<std::string>& header_key) {
    TransactionRequest request{.item = {}, .names = {}, .path = path};
    Fields fields(value, std::move(path));
    request.item.type = TransactionType::reversal;
    request.item.amount_cents = fields.integer("amount_cents", 1, amount_cents_max).value_or(0);
    if (auto reason = fields.text("reason", kReasonCharsMax))
        request.item.terms = json::serialize(json::Value(json::Object{{"reason", *std::move(reason)}}));
    read_common(fields, header_key, request.item);
    if (auto broken = fields.finish()) return std::unexpected(std::move(*broken));
    return request;
}

// The legs that moved the transaction's money.
std::optional<std::vector<Leg>> legs_of(const Reversed& reversed) {
    if (reversed.legs) return parse_legs(*reversed.legs);
    Leg leg{.from = {}, .to = {}, .amount_cents = reversed.amount_cents, .currency = reversed.currency};
    (reversed.type == "DEBIT" ? leg.from : leg.to) = reversed.account_id;
    return std::vector{std::move(leg)};
}

// What can be told before the reversal is stored. The worker judges the rest in the order of the lanes.
std::optional<http::Problem> obstacle_of(const Reversed& reversed, std::int64_t asked_cents) {
    if (reversed.status == "FAILED")
        return problem(ProblemCode::transaction_failed, "The transaction was refused: it moved nothing.");
    if (reversed.status != "PROCESSED")
        return problem(ProblemCode::parent_undecided, "The transaction is not decided yet. Try again later.");
    const std::int64_t rest_cents = reversed.amount_cents - reversed.reversed_cents;
    if (rest_cents == 0) return problem(ProblemCode::already_reversed, "All of the transaction has been reversed.");
    if (asked_cents > rest_cents)
        return problem(ProblemCode::reversal_exceeds_transaction,
                       fmt::format("amount_cents must be at most {}, what is left to reverse.", rest_cents),
                       "amount_cents");
    return std::nullopt;
}

}  // namespace

void TransactionEndpoints::add_reversal_routes(http::Router& router) {
    router.add({.method = "POST",
                .pattern = "/v1/transactions/{id}/reverse",
                .name = "reverse_transaction",
                .handler = [this](http::Request& request) { return reverse(request); },
                .body_bytes_max = body_bytes_max,
                .scope = http::Scope::transactions_write,
                .is_payment = true});
}

// Gives the reversal its legs. A known key is left to intake: an old request replays, whatever has been reversed since.
boost::asio::awaitable<std::optional<http::Problem>> TransactionEndpoints::bind_to_reversed(
    const http::Request& request, TransactionRequest& reversal) {
    using Checked = Result<std::optional<http::Problem>>;
    const auto id = path_id(request);
    if (!id) co_return id.error();
    intake::IntakeItem& item = reversal.item;
    auto checked = co_await payments_.run(request.trace, [&](db::Connection& connection) -> Checked {
        LEDGERLINE_TRY(const auto found, connection.query(sql::ApiTransactionToReverse{*id, request.tenant}));
        if (found.empty()) return problem(ProblemCode::transaction_not_found, "There is no transaction with this id.");
        const Reversed& reversed = found.front();
        const auto type = parse_transaction_type(reversed.type);
        if (!type || !is_reversible(*type))
            return problem(ProblemCode::not_reversible, fmt::format("A {} cannot be reversed.", reversed.type));
        auto legs = legs_of(reversed);
        if (!legs || legs->empty())
            return problem(ProblemCode::internal_error, "The transaction's legs cannot be read.");
        if (legs->size() > 1 && item.amount_cents > 0)
            return problem(
                ProblemCode::invalid_field,
                fmt::format("amount_cents must not be given: the transaction has {} legs, which are reversed "
                            "together.",
                            legs->size()),
                "amount_cents");
        const std::int64_t asked_cents = item.amount_cents;
        item.parent_id = *id;
        set_legs(item, turned_round(*legs));
        LEDGERLINE_TRY(const auto known,
                       connection.query(sql::ApiAmountOfKey{item.account_id, item.idempotency_key, request.tenant}));
        if (known.empty())
            if (auto wrong = obstacle_of(reversed, asked_cents)) return wrong;
        if (legs->size() > 1) return std::nullopt;
        const std::int64_t rest_cents = reversed.amount_cents - reversed.reversed_cents;
        legs->front().amount_cents = asked_cents > 0 ? asked_cents
                                     : known.empty() ? rest_cents
                                                     : known.front().amount_cents;
        set_legs(item, turned_round(*legs));
        return std::nullopt;
    });
    co_return checked ? *std::move(checked) : problem_of(checked.error());
}

TransactionEndpoints::Answer TransactionEndpoints::reverse(http::Request& request) {
    if (auto wrong = check_parameters(request, {})) co_return http::to_response(*wrong);
    auto items = co_await take_item(request, parse_reversal);
    if (!items) co_return std::move(items).error();
    if (auto wrong = co_await bind_to_reversed(request, *items->front())) co_return http::to_response(*wrong);
    co_return co_await answer(request, *std::move(items));
}

}  // namespace ledgerline::api
