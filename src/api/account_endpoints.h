// /v1/accounts: create, read, list, change; the statement, the balances and the changes of one account, and the
// balances of all.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "api/account_change.h"
#include "api/approvals.h"
#include "api/database.h"
#include "base/uuid.h"
#include "http/router.h"

namespace ledgerline::api {

http::Response account_not_found();

class AccountEndpoints {
public:
    // reports: for what reads all accounts. Arguments must outlive it.
    AccountEndpoints(Database& database, Database& reports, Approvals& approvals, UuidGenerator& ids)
        : database_(database), reports_(reports), approvals_(approvals), ids_(ids) {
        for (const ApprovedAction action : {ApprovedAction::suspend, ApprovedAction::close})
            approvals_.when_approved(action, [this](http::Request& request) { return change(request, true); });
    }

    // This must outlive the router.
    void add_routes(http::Router& router);

private:
    using Answer = boost::asio::awaitable<http::Response>;
    Answer create(const http::Request& request);
    Answer get(const http::Request& request);
    Answer list(http::Request& request);
    Answer get_by_reference(const http::Request& request);
    Answer ensure(const http::Request& request);
    Answer change(const http::Request& request, bool approved);
    Answer ask_to_change(const http::Request& request, const Caller& caller, ApprovalSubject wanted);
    Answer changes(http::Request& request);
    // In account_balances.cpp:
    Answer entries(http::Request& request);
    Answer balance(const http::Request& request);
    Answer trial_balance(const http::Request& request);

    Database& database_;
    Database& reports_;
    Approvals& approvals_;
    UuidGenerator& ids_;
};

}  // namespace ledgerline::api
