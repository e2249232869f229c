// Creating an account: once, however often the request is repeated.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "api/records.h"
#include "base/result.h"
#include "base/uuid.h"
#include "db/connection.h"

namespace ledgerline::api {

struct NewAccount {
    Uuid id;  // made before the first try
    std::optional<std::string> idempotency_key;
    std::string currency;
    std::optional<std::string> reference;
    std::int64_t min_balance_cents = 0;
    std::optional<std::string> metadata;  // JSON
};

struct Creation {
    enum class Status {
        created,          // by this call, or by an earlier run of it under the same id
        replayed,         // the key has made an account by the same request before
        key_reused,       // the key has made an account by another request
        reference_taken,  // by another account
    };
    Status status;
    AccountRecord account;  // that of the key or the reference where it is not the new one
};

// Safe to repeat with the same id, whatever became of the run before. Only created stores anything, the key among it.
// created and replayed promise what is durable. Error outcome_unknown (retry): it may have been stored.
Result<Creation> create_account(db::Connection& connection, const NewAccount& account);

}  // namespace ledgerline::api
