#include "api/transaction_list.h"

#include <fmt/format.h>

#include <limits>
#include <utility>

#include "api/fields.h"
#include "api/header_fields.h"
#include "api/list_scan.h"
#include "api/responses.h"
#include "api/transaction_request.h"
#include "base/money.h"
#include "sql/queries.h"

namespace ledgerline::api {
namespace {

// How many rows of an account's lane a page may look at for what waits.
constexpr std::int64_t kLaneScanMax = 10'000;
constexpr std::int64_t kNewestSeq = std::numeric_limits<std::int64_t>::max();
constexpr std::size_t kReferenceCharsMax = 64;
constexpr std::string_view kStatuses[] = {"PENDING", "PROCESSING", "PROCESSED", "FAILED"};
constexpr std::string_view kTypes[] = {"DEBIT", "CREDIT", "TRANSFER", "HOLD", "CAPTURE", "RELEASE", "REVERSAL"};

// What is read first: one statement and the index behind it.
enum class Source { newest, reference, holds, refused, times, waiting, parked, key, account, posted, account_refused };

Source source_of(const TransactionFilter& filter, bool parked) {
    if (parked) return Source::parked;
    const bool waits_among_all = !filter.of_account() && filter.tenant != default_tenant;
    if (filter.is_undecided() && !waits_among_all && !(filter.of_account() && filter.idempotency_key))
        return Source::waiting;
    if (filter.of_account()) {
        if (filter.idempotency_key) return Source::key;
        if (filter.has_times() || !filter.status) return Source::account;
        return filter.status == "FAILED" ? Source::account_refused : Source::posted;
    }
    if (filter.reference) return Source::reference;
    // The other ones walk among the rows of all tenants.
    if (filter.tenant != default_tenant) return filter.type == "HOLD" ? Source::holds : Source::newest;
    if (filter.has_times()) return Source::times;
    if (filter.status == "FAILED") return Source::refused;
    return filter.type == "HOLD" ? Source::holds : Source::newest;
}

// Whether every row that the source gives belongs to the list, so that a page's rows are all that need be read.
bool is_exact(Source source, const TransactionFilter& filter) {
    const int others = filter.type.has_value() + filter.currency.has_value() + filter.reference.has_value() +
                       filter.idempotency_key.has_value();
    switch (source) {
        case Source::newest:
            return others == 0 && !filter.status && !filter.has_times();
        case Source::reference:
        case Source::holds:
            return others == 1 && !filter.status && !filter.has_times();
        case Source::account:
            return others == 0 && !filter.status;
        case Source::posted:
        case Source::account_refused:
            return others == 0;
        default:
            return false;
    }
}

CursorKind cursor_of(Source source, const TransactionFilter& filter) {
    if (source == Source::parked) return CursorKind::letter;
    const bool by_place = filter.of_account() || source == Source::waiting || source == Source::times;
    return by_place ? CursorKind::seq : CursorKind::id;
}

template <class Scan, class Before, class... More>
db::Call call_of(Before before, std::int64_t rows_max, const TransactionFilter& f, const More&... more) {
    return Scan{before,          rows_max,         f.type, f.currency, f.reference, f.idempotency_key,
                f.created_after, f.created_before, more...};
}

db::Call scan_of_account(Source source, const TransactionFilter& filter, const ListQuery& query,
                         std::int64_t rows_max) {
    const Uuid& id = *filter.account_id;
    const std::int64_t before = query.after_seq().value_or(kNewestSeq);
    switch (source) {
        case Source::parked:
            return call_of<sql::ApiScanAccountParked>(query.after_letter().value_or(greatest_id()), rows_max, filter,
                                                      id, filter.tenant);
        case Source::waiting:
            return call_of<sql::ApiScanAccountWaiting>(before, kLaneScanMax, filter, id, *filter.status, filter.tenant);
        case Source::key:
            return call_of<sql::ApiScanAccountKey>(before, rows_max, filter, id, filter.tenant);
        case Source::posted:
            return call_of<sql::ApiScanAccountPosted>(before, rows_max, filter, id, filter.tenant);
        case Source::account_refused:
            return call_of<sql::ApiScanAccountRefused>(before, rows_max, filter, id, filter.tenant);
        default:
            return call_of<sql::ApiScanAccount>(before, rows_max, filter, id, kLaneScanMax, filter.tenant);
    }
}

db::Call scan_of_all(Source source, const TransactionFilter& filter, const ListQuery& query, std::int64_t rows_max) {
    const Uuid before = query.after_id().value_or(greatest_id());
    switch (source) {
        case Source::parked:
            return call_of<sql::ApiScanParked>(query.after_letter().value_or(greatest_id()), rows_max, filter,
                                               filter.tenant);
        case Source::waiting:
            return call_of<sql::ApiScanWaiting>(query.after_seq(), rows_max, filter, *filter.status, filter.tenant);
        case Source::times:
            return call_of<sql::ApiScanCreated>(query.after_seq(), rows_max, filter, filter.tenant);
        case Source::reference:
            return call_of<sql::ApiScanByReference>(before, rows_max, filter, filter.tenant);
        case Source::refused:
            return call_of<sql::ApiScanRefused>(before, rows_max, filter, filter.tenant);
        case Source::holds:
            return call_of<sql::ApiScanHolds>(before, rows_max, filter, filter.tenant);
        default:
            return call_of<sql::ApiScanTransactions>(before, scan_rows_max, filter, filter.tenant, rows_max);
    }
}

Result<Found> scan(db::Connection& connection, const ListQuery& query, const TransactionFilter& filter, Source source,
                   std::int64_t rows_max) {
    const db::Call call = filter.account_id ? scan_of_account(source, filter, query, rows_max)
                                            : scan_of_all(source, filter, query, rows_max);
    LEDGERLINE_TRY(const auto rows, connection.query(call.statement, call.params));
    const CursorKind kind = cursor_of(source, filter);
    return kind == CursorKind::seq ? found_in<sql::ScannedPlace>(rows, query, kind)
                                   : found_in<sql::ScannedId>(rows, query, kind);
}

// What is parked comes after what waits in the lanes: whether there is any.
Result<std::optional<std::string>> cursor_of_parked(db::Connection& connection, const ListQuery& query,
                                                    const TransactionFilter& filter) {
    LEDGERLINE_TRY(const Found parked, scan(connection, query, filter, Source::parked, 1));
    if (parked.ids.empty() && !parked.next_cursor) return std::nullopt;
    return query.cursor_after_letter(greatest_id());
}

Result<std::string> read_page(db::Connection& connection, const ListQuery& query, const TransactionFilter& filter,
                              Source source) {
    const std::int64_t rows_max = is_exact(source, filter) ? query.limit() + 1 : scan_rows_max;
    LEDGERLINE_TRY(Found found, scan(connection, query, filter, source, rows_max));
    const bool parked_follow = source == Source::waiting && filter.status == "PROCESSING" && !found.next_cursor;
    if (parked_follow && found.ids.empty()) return read_page(connection, query, filter, Source::parked);
    if (parked_follow) {
        LEDGERLINE_TRY(found.next_cursor, cursor_of_parked(connection, query, filter));
    }
    const sql::ApiTransactionsOfPage page{found.ids, filter.status, query.limit() + 1, page_bytes, filter.tenant};
    LEDGERLINE_TRY(const auto rows, connection.query(page.statement, page.params()));
    return page_text("transactions", db::TypedRows<TransactionRecord>(rows), query,
                     [&](const TransactionRecord& each) { return found.cursors.at(each.id); },
                     {.next_cursor = found.next_cursor, .members = {}});
}

}  // namespace

TransactionFilter TransactionFilter::read(ListQuery& query) {
    TransactionFilter filter;
    filter.tenant = query.tenant();
    filter.account_id = query.uuid("account_id");
    filter.account_reference = query.text("account_reference", account_reference_chars_max);
    filter.status = query.choice("status", kStatuses);
    filter.type = query.choice("type", kTypes);
    filter.currency = query.text("currency", 3);
    filter.reference = query.text("reference", kReferenceCharsMax);
    filter.idempotency_key = query.text("idempotency_key", idempotency_key_chars_max);
    filter.created_after = query.time("created_after");
    filter.created_before = query.time("created_before");
    if (filter.currency && !is_currency(*filter.currency))
        query.refuse("currency", "currency must be the code of an asset, such as EUR: GET /v1/assets lists them.");
    if (filter.account_id && filter.account_reference)
        query.refuse("account_reference", "account_reference must not be given together with account_id.");
    if (filter.has_times() && filter.created_after > filter.created_before && filter.created_before)
        query.refuse("created_after", "created_after must not be after created_before.");
    query.expect_cursor(query.after_letter() && filter.status == "PROCESSING"
                            ? CursorKind::letter
                            : cursor_of(source_of(filter, false), filter));
    return filter;
}

Result<std::optional<std::string>> list_transactions(db::Connection& connection, const ListQuery& query,
                                                     const TransactionFilter& filter) {
    TransactionFilter resolved = filter;
    if (filter.account_reference) {
        const std::string names[] = {*filter.account_reference};
        LEDGERLINE_TRY(const auto accounts,
                       connection.query(sql::ApiAccountsByReferences{.references = names, .tenant = filter.tenant}));
        if (accounts.empty()) return std::nullopt;
        resolved.account_id = accounts.front().id;
    }
    return read_page(connection, query, resolved, source_of(filter, query.after_letter().has_value()));
}

}  // namespace ledgerline::api
