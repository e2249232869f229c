// /v1/keys: make, read, list, revoke and rotate keys; and /v1/audit. For admins.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "api/database.h"
#include "api/key_keeper.h"
#include "api/key_store.h"
#include "http/router.h"
#include "observe/process_context.h"

namespace ledgerline::api {

class KeyEndpoints {
public:
    // keeper: is told of changes. Arguments must outlive it.
    KeyEndpoints(Database& database, KeyKeeper& keeper, const ProcessContext& context)
        : database_(database), keeper_(keeper), context_(context) {}

    // This must outlive the router.
    void add_routes(http::Router& router);

private:
    using Answer = boost::asio::awaitable<http::Response>;
    Answer create(const http::Request& request);
    Answer get(const http::Request& request);
    Answer list(http::Request& request);
    Answer revoke(const http::Request& request);
    Answer rotate(const http::Request& request);
    Answer audit(http::Request& request);

    Database& database_;
    KeyKeeper& keeper_;
    const ProcessContext context_;
};

}  // namespace ledgerline::api
