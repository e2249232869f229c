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
    JsonObject(text)
        .add("currency", account.currency)
        .add("reference", account.reference)
        .add("min_balance_cents", account.min_balance_cents)
        .add_raw("metadata", account.metadata.value_or("null"))
        .close();
    return text;
}

// Opens the transaction, takes the key and creates the account unless the key is taken, and reads the key's owner.
struct FirstTrip {
    db::Rows inserted, key;

    static Result<FirstTrip> make(db::Connection& connection, const NewAccount& account) {
        const std::string request = request_of(account);
        db::Params claim, create, key;
        claim.add(account.idempotency_key).add(account.id).add(request);
        create.add(account.id).add(account.currency).add(account.reference).add(account.min_balance_cents);
        create.add(account.metadata).add(account.idempotency_key);
        key.add(account.idempotency_key).add(request);
        LEDGERLINE_TRY(auto results, connection.pipeline({{db::begin, {}},
                                                          {sql::api_claim_account_key, std::move(claim)},
                                                          {sql::api_create_account, std::move(create)},
                                                          {sql::api_account_of_key, std::move(key)}}));
        return FirstTrip{std::move(results[2]), std::move(results[3])};
    }
};

Result<std::optional<AccountRecord>> read_one(db::Connection& connection, const db::Statement& statement,
                                              const db::Params& params) {
    LEDGERLINE_TRY(const auto rows, connection.query(statement, params));
    if (rows.empty()) return std::nullopt;
    return read_account(rows, 0);
}

// Commits the transaction, which changed nothing, so that the account found is as durable as a new one.
Result<Creation> answer_found(db::Connection& connection, Status status, AccountRecord account) {
    LEDGERLINE_CHECK(connection.commit_pipeline({sql::DbSessionDurableMark{}, {db::commit, {}}}));
    return Creation{status, std::move(account)};
}

// No key was in the way, and still nothing was created: an earlier run created the account, or the reference is taken.
Result<Creation> find_obstacle(db::Connection& connection, const NewAccount& account) {
    LEDGERLINE_TRY(auto own, read_one(connection, sql::api_account_by_id, std::move(db::Params().add(account.id))));
    if (own) return answer_found(connection, Status::created, std::move(*own));
    db::Params by_reference;
    by_reference.add(account.reference).add_null().add(greatest_id());
    LEDGERLINE_TRY(auto other, read_one(connection, sql::api_account_by_reference, by_reference));
    connection.rollback();
    if (other) return Creation{Status::reference_taken, std::move(*other)};
    return failure(Disposition::refuse, "account_conflict", "a new account conflicts with one that cannot be read");
}

}  // namespace

Result<Creation> create_account(db::Connection& connection, const NewAccount& account) {
    LEDGERLINE_TRY(const FirstTrip first, FirstTrip::make(connection, account));
    if (!first.inserted.empty()) {
        LEDGERLINE_CHECK(connection.commit_pipeline({{db::commit, {}}}));
        return Creation{Status::created, read_account(first.inserted, 0)};
    }
    if (first.key.empty() || first.key.uuid(0, 0) == account.id) return find_obstacle(connection, account);

    const bool same_request = first.key.boolean(0, 1);
    LEDGERLINE_TRY(auto other,
                   read_one(connection, sql::api_account_by_id, std::move(db::Params().add(first.key.uuid(0, 0)))));
    db::expect(other.has_value(), "the account of a key is missing");
    if (same_request) return answer_found(connection, Status::replayed, std::move(*other));
    connection.rollback();
    return Creation{Status::key_reused, std::move(*other)};
}

}  // namespace ledgerline::api
