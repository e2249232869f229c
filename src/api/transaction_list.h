// GET /v1/transactions: its filters, and which scan finds what they ask for.
//
// Any filters go together. One of them, the most selective by nature, decides the index that is read; the others are
// checked row by row. A page reads a bounded number of rows, so one whose filters match little may be short or empty
// and still have a next_cursor.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "api/list_query.h"
#include "base/result.h"
#include "base/tenant.h"
#include "db/connection.h"

namespace ledgerline::api {

struct TransactionFilter {
    static constexpr std::string_view parameters[] = {"account_id",    "account_reference", "status",
                                                      "type",          "currency",          "reference",
                                                      "created_after", "created_before",    "idempotency_key"};
    static constexpr std::initializer_list<CursorKind> cursors = {CursorKind::id, CursorKind::seq, CursorKind::letter};

    int tenant = default_tenant;  // whose they are
    std::optional<Uuid> account_id;
    std::optional<std::string> account_reference;  // instead of account_id
    std::optional<std::string> status, type, currency, reference, idempotency_key;
    std::optional<WallTime> created_after;   // or at it
    std::optional<WallTime> created_before;  // not at it

    // Complains of what is wrong to query.
    static TransactionFilter read(ListQuery& query);
    bool has_times() const { return created_after || created_before; }
    bool of_account() const { return account_id || account_reference; }
    bool is_undecided() const { return status == "PENDING" || status == "PROCESSING"; }
};

// The text of a page, as page_text() makes it. Empty when there is no account with this reference.
Result<std::optional<std::string>> list_transactions(db::Connection& connection, const ListQuery& query,
                                                     const TransactionFilter& filter);

}  // namespace ledgerline::api
