// /v1/accounts: create, read, list, change; the statement, the balances and the changes of one account, and the
// balances of all.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "api/database.h"
#include "base/uuid.h"
#include "http/router.h"

namespace ledgerline::api {

http::Response account_not_found();

class AccountEndpoints {
public:
    // reports: for what reads all accounts. Arguments must outlive it.
    AccountEndpoints(Database& database, Database& reports, UuidGenerator& ids)
        : database_(database), reports_(reports), ids_(ids) {}

    // This must outlive the router.
    void add_routes(http::Router& router);

private:
    using Answer = boost::asio::awaitable<http::Response>;
    Answer create(const http::Request& request);
    Answer get(const http::Request& request);
    Answer list(http::Request& request);
    Answer get_by_reference(const http::Request& request);
    Answer ensure(const http::Request& request);
    Answer change(const http::Request& request);
    Answer changes(http::Request& request);
    // In account_balances.cpp:
    Answer entries(http::Request& request);
    Answer balance(const http::Request& request);
    Answer trial_balance(const http::Request& request);

    Database& database_;
    Database& reports_;
    UuidGenerator& ids_;
};

}  // namespace ledgerline::api
