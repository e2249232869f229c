// Creates an account once, however often the request is repeated.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "api/header_fields.h"
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
    std::optional<std::int64_t> max_balance_cents{};
};

// Who creates it, for the audit.
struct AccountAuthor {
    Caller caller;
    Uuid audit_id;  // made before the first try
};

struct Creation {
    enum class Status {
        created,          // by this call, or by an earlier run with the same id
        replayed,         // the same request has already created an account with the key
        key_reused,       // another request has created an account with the key
        reference_taken,  // another account has it
    };
    Status status;
    AccountRecord account;  // for reused keys and taken references, the account that has them
};

// Safe to repeat with the same id, whatever became of the earlier run. Stores the account and its key only with status
// created. Accounts are durable, except those that a request with a key
// is refused for. Error outcome_unknown (retry): the account may have
// been stored.
Result<Creation> create_account(db::Connection& connection, const NewAccount& account, const AccountAuthor& author);

}  // namespace ledgerline::api
