#include "api/account_creation.h"

#include <utility>

#include "api/responses.h"
#include "base/json_object.h"
#include "sql/queries.h"

namespace ledgerline::api {
namespace {

using Status = Creation::Status;

// What must be equal in a request that repeats an earlier one, compared as jsonb.
std::string request_of(const NewAccount& account) {
    std::string text;
    JsonObject request(text);
    request.add("currency", account.currency)
        .add("reference", account.reference)
        .add("min_balance_cents", account.min_balance_cents)
        .add_raw("metadata", account.metadata.value_or("null"));
    // Keys that are older than ceilings know of none.
    if (account.max_balance_cents) request.add("max_balance_cents", account.max_balance_cents);
    request.close();
    return text;
}

sql::KeysAuditAccount audit_of(const NewAccount& account, const AccountAuthor& author) {
    return {.account_id = account.id,
            .audit_id = author.audit_id,
            .key_id = author.caller.key_id,
            .operator_name = author.caller.operator_name,
            .peer = author.caller.peer,
            .request_id = author.caller.request_id,
            .tenant = author.caller.tenant};
}

// Opens the transaction, takes the key and creates the account unless the key is taken, and reads the key's owner.
struct FirstTrip {
    std::vector<AccountRecord> inserted;
    std::vector<sql::ApiAccountOfKey::Row> key;

    static Result<FirstTrip> make(db::Connection& connection, const NewAccount& account, int tenant) {
        const std::string request = request_of(account);
        LEDGERLINE_TRY(
            const auto results,
            connection.pipeline({{db::begin, {}},
                                 sql::ApiClaimAccountKey{account.idempotency_key, account.id, request, tenant},
                                 sql::ApiCreateAccount{.id = account.id,
                                                       .currency = account.currency,
                                                       .reference = account.reference,
                                                       .min_balance_cents = account.min_balance_cents,
                                                       .metadata = account.metadata,
                                                       .idempotency_key = account.idempotency_key,
                                                       .max_balance_cents = account.max_balance_cents,
                                                       .tenant = tenant},
                                 sql::ApiAccountOfKey{account.idempotency_key, request, tenant}}));
        return FirstTrip{db::rows_of<sql::ApiCreateAccount>(results[2]), db::rows_of<sql::ApiAccountOfKey>(results[3])};
    }
};

// Commits the transaction, which changed nothing, so that the account found is as durable as a new one.
Result<Creation> answer_found(db::Connection& connection, Status status, AccountRecord account) {
    LEDGERLINE_CHECK(connection.commit_pipeline({sql::DbSessionDurableMark{}, {db::commit, {}}}));
    return Creation{status, std::move(account)};
}

// No key was in the way, and still nothing was created: an earlier run created the account, or the reference is taken.
Result<Creation> find_obstacle(db::Connection& connection, const NewAccount& account, int tenant) {
    LEDGERLINE_TRY(auto own, connection.query(sql::ApiAccountById{account.id, tenant}));
    if (!own.empty()) return answer_found(connection, Status::created, std::move(own.front()));
    LEDGERLINE_TRY(
        auto other,
        connection.query(sql::ApiAccountByReference{
            .reference = account.reference, .status = std::nullopt, .before = greatest_id(), .tenant = tenant}));
    // A key that was taken above goes back: a refused request uses up none.
    if (!other.empty() && !account.idempotency_key)
        return answer_found(connection, Status::reference_taken, std::move(other.front()));
    connection.rollback();
    if (!other.empty()) return Creation{Status::reference_taken, std::move(other.front())};
    return failure(Disposition::refuse, "account_conflict", "a new account conflicts with one that cannot be read");
}

}  // namespace

Result<Creation> create_account(db::Connection& connection, const NewAccount& account, const AccountAuthor& author) {
    const int tenant = author.caller.tenant;
    LEDGERLINE_TRY(FirstTrip first, FirstTrip::make(connection, account, tenant));
    if (!first.inserted.empty()) {
        LEDGERLINE_CHECK(connection.commit_pipeline({audit_of(account, author), {db::commit, {}}}));
        return Creation{Status::created, std::move(first.inserted.front())};
    }
    if (first.key.empty() || first.key.front().account_id == account.id)
        return find_obstacle(connection, account, tenant);

    const auto& key = first.key.front();
    LEDGERLINE_TRY(auto other, connection.query(sql::ApiAccountById{key.account_id, tenant}));
    db::expect(!other.empty(), "the account of a key is missing");
    if (key.same_request) return answer_found(connection, Status::replayed, std::move(other.front()));
    connection.rollback();
    return Creation{Status::key_reused, std::move(other.front())};
}

}  // namespace ledgerline::api
