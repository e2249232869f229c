// What callers say about accounts: the bodies of their calls, checked against every rule that needs no database.
#pragma once

#include <expected>
#include <string>

#include "api/account_change.h"
#include "api/account_creation.h"
#include "base/json.h"
#include "http/message.h"
#include "http/problem.h"

namespace ledgerline::api {

inline constexpr std::string_view account_statuses[] = {"ACTIVE", "SUSPENDED", "CLOSED"};

// Of POST /v1/accounts. The caller fills in id and key.
std::expected<NewAccount, http::Problem> parse_account(const json::Value& body);

// Of PUT /v1/accounts/by-reference/{reference}: an account to be there, with the reference of the path.
struct NamedAccount {
    NewAccount account;        // if there is none
    bool names_floor = false;  // one that is there must have it. So must it have a ceiling that is named

    static std::expected<NamedAccount, http::Problem> parse(const http::Request& request);
    // Why that account is another one than asked for: field and rule. Nothing when it is not.
    std::optional<http::Problem> difference_to(const AccountRecord& known) const;
};

// The reference in the path.
std::expected<std::string, http::Problem> path_reference(const http::Request& request);

// Of PATCH /v1/accounts/{id}.
std::expected<AccountChange, http::Problem> parse_change(const json::Value& body);

}  // namespace ledgerline::api
