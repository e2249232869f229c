// The parts of AccountEndpoints that read what was decided: statements and balances.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "api/account_endpoints.h"
#include "api/header_fields.h"
#include "api/responses.h"
#include "http/client.h"
#include "sql/queries.h"

namespace ledgerline::api {
namespace {

constexpr std::string_view kOrders[] = {"asc", "desc"};

// What a statement is asked for.
struct StatementQuery {
    Uuid account_id;
    std::optional<WallTime> from, to;
    bool oldest_first = false;
    bool csv = false;
};

// A page of it.
struct StatementPage {
    std::string text;
    sql::ApiStatementPeriod::Row period;
    std::optional<std::string> next_cursor;  // of CSV; in JSON the text has it
};

http::Response no_account() {
    return http::to_response(problem(ProblemCode::account_not_found, "There is no account with this id."));
}

// As page_text() does it in JSON.
void write_csv(const db::TypedRows<EntryRecord>& rows, const ListQuery& query, StatementPage& page) {
    page.text = entry_csv_header;
    std::int64_t last_seq = 0;
    for (std::size_t row = 0; row < rows.size(); ++row) {
        const std::size_t end = page.text.size();
        const EntryRecord entry = rows[row];
        append_csv(entry, page.text);
        if (row == static_cast<std::size_t>(query.limit()) || (row > 0 && page.text.size() > limits::page_bytes_max)) {
            page.text.resize(end);
            page.next_cursor = query.cursor_after(last_seq);
            return;
        }
        last_seq = entry.seq;
    }
}

std::string period_members(const sql::ApiStatementPeriod::Row& period) {
    return fmt::format(R"(,"currency":"{}","opening_balance_cents":{},"closing_balance_cents":{})", period.currency,
                       period.opening_balance_cents, period.closing_balance_cents);
}

// Empty when there is no such account. Rows of decisions never change: the page is as of the moment at which the period
// was read.
Result<std::optional<StatementPage>> read_statement(db::Connection& connection, const StatementQuery& asked,
                                                    const ListQuery& query) {
    LEDGERLINE_TRY(const auto periods,
                   connection.query(sql::ApiStatementPeriod{asked.account_id, asked.from, asked.to, query.tenant()}));
    if (periods.empty()) return std::nullopt;
    StatementPage page{.text = {}, .period = periods.front(), .next_cursor = {}};
    std::int64_t above = page.period.above_seq, upto = page.period.upto_seq;
    if (query.after_seq() && asked.oldest_first) above = std::max(above, *query.after_seq());
    if (query.after_seq() && !asked.oldest_first) upto = std::min(upto, *query.after_seq() - 1);
    const std::int64_t rows_max = query.limit() + 1;
    const db::Call call =
        asked.oldest_first ? db::Call(sql::ApiEntriesOldest{asked.account_id, above, upto, rows_max, query.tenant()})
                           : db::Call(sql::ApiEntriesNewest{asked.account_id, above, upto, rows_max, query.tenant()});
    LEDGERLINE_TRY(const auto rows, connection.query(call.statement, call.params));
    const db::TypedRows<EntryRecord> entries(rows);
    if (asked.csv)
        write_csv(entries, query, page);
    else
        page.text = page_text("entries", entries, query, [](const EntryRecord& each) { return each.seq; },
                              {.next_cursor = {}, .members = period_members(page.period)});
    return page;
}

// The request's own target, with another cursor.
std::string target_with_cursor(const http::Request& request, std::string_view cursor) {
    std::string target = request.path + "?";
    for (const auto& [name, value] : request.query)
        if (name != "cursor") target += fmt::format("{}={}&", http::percent_encode(name), http::percent_encode(value));
    return target += fmt::format("cursor={}", cursor);
}

void add_csv_headers(const http::Request& request, const StatementPage& page, http::Response& response) {
    response.content_type = "text/csv; charset=utf-8; header=present";
    const auto add = [&](const char* name, std::string value) {
        response.headers.emplace_back(name, std::move(value));
    };
    add("Currency", page.period.currency);
    add("Opening-Balance-Cents", std::to_string(page.period.opening_balance_cents));
    add("Closing-Balance-Cents", std::to_string(page.period.closing_balance_cents));
    if (page.next_cursor)
        add("Link", fmt::format(R"(<{}>; rel="next")", target_with_cursor(request, *page.next_cursor)));
}

}  // namespace

AccountEndpoints::Answer AccountEndpoints::entries(http::Request& request) {
    const auto id = path_id(request);
    if (!id) co_return http::to_response(id.error());
    constexpr std::string_view filters[] = {"from", "to", "order"};
    ListQuery query(request, fmt::format("entries/{}", id->to_string()), filters, {CursorKind::seq});
    StatementQuery asked{.account_id = *id, .from = query.time("from"), .to = query.time("to")};
    asked.oldest_first = query.choice("order", kOrders) == "asc";
    asked.csv = prefers(request, "text/csv");
    if (asked.from && asked.to && *asked.from > *asked.to) query.refuse("from", "from must not be after to.");
    if (auto wrong = query.problem()) co_return http::to_response(*wrong);
    auto page = co_await database_.run(
        request.trace, [&](db::Connection& connection) { return read_statement(connection, asked, query); });
    if (!page) co_return http::to_response(problem_of(page.error()));
    if (!*page) co_return no_account();
    auto response = co_await text_response(request, std::move((*page)->text));
    if (response.status != 200) co_return response;
    if (asked.csv) add_csv_headers(request, **page, response);
    response.headers.emplace_back("Vary", "Accept");
    co_return response;
}

AccountEndpoints::Answer AccountEndpoints::balance(const http::Request& request) {
    constexpr std::string_view names[] = {"at"};
    Parameters parameters(request, names);
    const auto at = parameters.time("at");
    if (auto wrong = parameters.problem()) co_return http::to_response(*wrong);
    const auto id = path_id(request);
    if (!id) co_return http::to_response(id.error());
    std::optional<WallTime> before;  // what was decided at the time itself counts
    if (at) before = *at + std::chrono::microseconds(1);
    const auto found = co_await database_.run(request.trace, [&](db::Connection& connection) {
        return connection.query(sql::ApiBalanceAt{*id, before, request.tenant});
    });
    if (!found) co_return http::to_response(problem_of(found.error()));
    if (found->empty()) co_return no_account();
    const auto& balance = found->front();
    std::string body;
    JsonObject(body)
        .add("account_id", balance.id)
        .add("at", at)
        .add("currency", balance.currency)
        .add("balance_cents", balance.balance_cents)
        .add("held_cents", balance.held_cents)
        .add("available_cents", balance.available_cents)
        .add("last_decided_at", balance.last_decided_at)
        .close();
    co_return json_response(200, std::move(body));
}

AccountEndpoints::Answer AccountEndpoints::trial_balance(const http::Request& request) {
    if (auto wrong = check_parameters(request, {})) co_return http::to_response(*wrong);
    const auto currencies = co_await reports_.run(request.trace, [&](db::Connection& connection) {
        return connection.query(sql::ApiTrialBalance{request.tenant});
    });
    if (!currencies) co_return http::to_response(problem_of(currencies.error()));
    std::string body = R"({"currencies":[)";
    for (const auto& each : *currencies) {
        if (body.back() == '}') body.push_back(',');
        JsonObject(body)
            .add("currency", each.currency)
            .add("accounts", each.accounts)
            .add_raw("balance_cents", each.balance_cents)
            .add_raw("held_cents", each.held_cents)
            .add_raw("external_cents", each.external_cents)
            .close();
    }
    body += R"(],"next_cursor":null,"has_more":false})";
    co_return json_response(200, std::move(body));
}

}  // namespace ledgerline::api
