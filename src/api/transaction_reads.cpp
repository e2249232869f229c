// The parts of TransactionEndpoints that read from the database.
#include <algorithm>
#include <functional>
#include <map>
#include <unordered_map>
#include <utility>

#include "api/fields.h"
#include "api/responses.h"
#include "api/transaction_endpoints.h"
#include "api/transaction_list.h"
#include "api/transaction_trace.h"
#include "sql/queries.h"

namespace ledgerline::api {
namespace {

http::Response not_found() {
    return http::to_response(problem(ProblemCode::transaction_not_found, "There is no transaction with this id."));
}

}  // namespace

// Replaces the references by which items name accounts. An item whose names cannot be resolved is refused alone.
boost::asio::awaitable<void> TransactionEndpoints::resolve_names(const http::Request& request, BatchItems& items) {
    std::vector<std::string> references;
    for (const auto& item : items)
        if (item)
            for (const TransactionRequest::Name& name : item->names) references.push_back(name.reference);
    if (references.empty()) co_return;
    std::ranges::sort(references);
    references.erase(std::unique(references.begin(), references.end()), references.end());
    const auto found = co_await payments_.run(request.trace, [&](db::Connection& connection) {
        return connection.query(sql::ApiAccountsByReferences{.references = references, .tenant = request.tenant});
    });
    std::map<std::string, Uuid, std::less<>> ids;
    if (found)
        for (const auto& account : *found) ids.emplace(account.reference, account.id);
    for (auto& item : items) {
        if (!item || item->names.empty()) continue;
        auto wrong = found ? item->resolve(ids) : problem_of(found.error());
        if (wrong) item = std::unexpected(*std::move(wrong));
    }
}

// Replaces replayed transactions' ids with their current state. The metadata stays that of the request, which is the
// same JSON value as the stored one: so the size of an answer is bounded by the size of its request.
boost::asio::awaitable<void> TransactionEndpoints::load_replayed(const http::Request& request,
                                                                 std::vector<Outcome>& outcomes) {
    std::vector<Uuid> ids;
    for (const Outcome& outcome : outcomes)
        if (outcome && outcome->replayed) ids.push_back(outcome->transaction.id);
    if (ids.empty()) co_return;
    const auto found = co_await payments_.run(request.trace, [&](db::Connection& connection) {
        return connection.query(sql::ApiTransactionStatesById{.ids = ids, .tenant = request.tenant});
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
    const auto found = co_await reads_.run(request.trace, [&](db::Connection& connection) {
        return connection.query(sql::ApiTransactionsById{.ids = std::span(&*id, 1), .tenant = request.tenant});
    });
    if (!found) co_return http::to_response(problem_of(found.error()));
    if (found->empty()) co_return not_found();
    co_return record_response(200, found->front());
}

TransactionEndpoints::Answer TransactionEndpoints::trace(http::Request& request) {
    if (auto wrong = check_parameters(request, {})) co_return http::to_response(*wrong);
    const auto id = path_id(request);
    if (!id) co_return http::to_response(id.error());
    const auto found = co_await reads_.run(
        request.trace, [&](db::Connection& connection) { return read_trace(connection, *id, request.tenant); });
    if (!found) co_return http::to_response(problem_of(found.error()));
    if (!*found) co_return not_found();
    co_return co_await read_response(request, **found);
}

TransactionEndpoints::Answer TransactionEndpoints::list(http::Request& request) {
    ListQuery query(request, "transactions", TransactionFilter::parameters, TransactionFilter::cursors);
    const TransactionFilter filter = TransactionFilter::read(query);
    if (auto wrong = query.problem()) co_return http::to_response(*wrong);
    auto page = co_await reads_.run(
        request.trace, [&](db::Connection& connection) { return list_transactions(connection, query, filter); });
    if (!page) co_return http::to_response(problem_of(page.error()));
    if (!*page)
        co_return http::to_response(
            problem(ProblemCode::account_not_found, "There is no account with this reference.", "account_reference"));
    co_return co_await text_response(request, **std::move(page));
}

}  // namespace ledgerline::api
