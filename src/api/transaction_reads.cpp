// The parts of TransactionEndpoints that read from the database.
#include <algorithm>
#include <unordered_map>
#include <utility>

#include "api/fields.h"
#include "api/responses.h"
#include "api/transaction_endpoints.h"
#include "api/transaction_trace.h"
#include "sql/queries.h"

namespace ledgerline::api {
namespace {

constexpr std::string_view kStatuses[] = {"PENDING", "PROCESSING", "PROCESSED", "FAILED"};

Result<std::vector<TransactionRecord>> read_transactions(db::Connection& connection, const db::Statement& statement,
                                                         std::span<const Uuid> ids) {
    db::Params params;
    params.add_array(ids);
    LEDGERLINE_TRY(auto rows, connection.query(statement, params));
    return read_all(rows, read_transaction);
}

http::Response not_found() {
    return http::to_response(problem(ProblemCode::transaction_not_found, "There is no transaction with this id."));
}

const db::Statement& page_statement(const std::optional<std::string>& status, bool of_account) {
    if (!status) return of_account ? sql::api_account_transactions_page : sql::api_transactions_page;
    if (*status == "PENDING") return of_account ? sql::api_account_transactions_pending : sql::api_transactions_pending;
    if (*status == "PROCESSING")
        return of_account ? sql::api_account_transactions_processing : sql::api_transactions_processing;
    if (*status == "PROCESSED")
        return of_account ? sql::api_account_transactions_processed : sql::api_transactions_processed;
    return of_account ? sql::api_account_transactions_failed : sql::api_transactions_failed;
}

}  // namespace

// Replaces replayed transactions' ids with their current state. The metadata stays that of the request, which is the
// same JSON value as the stored one: so the size of an answer is bounded by the size of its request.
boost::asio::awaitable<void> TransactionEndpoints::load_replayed(const http::Request& request,
                                                                 std::vector<Outcome>& outcomes) {
    std::vector<Uuid> ids;
    for (const Outcome& outcome : outcomes)
        if (outcome && outcome->replayed) ids.push_back(outcome->transaction.id);
    if (ids.empty()) co_return;
    const auto found = co_await database_.run(request.trace, [&](db::Connection& connection) {
        return read_transactions(connection, sql::api_transaction_states_by_id, ids);
    });
    std::unordered_map<Uuid, const TransactionRecord*> by_id;
    if (found)
        for (const TransactionRecord& record : *found) by_id.emplace(record.id, &record);
    for (Outcome& outcome : outcomes) {
        if (!outcome || !outcome->replayed) continue;
        const auto record = by_id.find(outcome->transaction.id);
        if (record != by_id.end()) {
            auto metadata = std::move(outcome->transaction.metadata);
            outcome->transaction = *record->second;
            outcome->transaction.metadata = std::move(metadata);
            continue;
        }
        outcome = std::unexpected(found ? problem(ProblemCode::internal_error, "The transaction cannot be read.")
                                        : problem_of(found.error()));
    }
}

TransactionEndpoints::Answer TransactionEndpoints::get(const http::Request& request) {
    if (auto wrong = check_parameters(request, {})) co_return http::to_response(*wrong);
    const auto id = path_id(request);
    if (!id) co_return http::to_response(id.error());
    const auto found = co_await database_.run(request.trace, [&](db::Connection& connection) {
        return read_transactions(connection, sql::api_transactions_by_id, std::span(&*id, 1));
    });
    if (!found) co_return http::to_response(problem_of(found.error()));
    if (found->empty()) co_return not_found();
    co_return record_response(200, found->front());
}

TransactionEndpoints::Answer TransactionEndpoints::trace(http::Request& request) {
    if (auto wrong = check_parameters(request, {})) co_return http::to_response(*wrong);
    const auto id = path_id(request);
    if (!id) co_return http::to_response(id.error());
    const auto found = co_await database_.run(
        request.trace, [&](db::Connection& connection) -> Result<std::optional<TransactionTrace>> {
            db::Params params;
            params.add(*id).add(TransactionTrace::events_max);
            LEDGERLINE_TRY(auto rows, connection.query(sql::trace_transaction_events, params));
            return read_trace(rows);
        });
    if (!found) co_return http::to_response(problem_of(found.error()));
    if (!*found) co_return not_found();
    co_return co_await read_response(request, **found);
}

TransactionEndpoints::Answer TransactionEndpoints::list(http::Request& request) {
    constexpr std::string_view filters[] = {"account_id", "status"};
    ListQuery query(request, "transactions", filters);
    const auto account_id = query.uuid("account_id");
    const auto status = query.choice("status", kStatuses);
    if (query.problem()) co_return http::to_response(*query.problem());
    auto page = co_await database_.run(request.trace, [&](db::Connection& connection) -> Result<std::string> {
        db::Params params;
        params.add(query.after_id().value_or(greatest_id())).add(query.limit() + 1).add(page_bytes);
        if (account_id) params.add(*account_id);
        LEDGERLINE_TRY(const auto rows, connection.query(page_statement(status, account_id.has_value()), params));
        return page_text("transactions", rows, read_transaction, query,
                         [](const TransactionRecord& each) { return each.id; });
    });
    if (!page) co_return http::to_response(problem_of(page.error()));
    co_return co_await text_response(request, *std::move(page));
}

}  // namespace ledgerline::api
