// /v1/tenants: make, limit and list tenants. For operators of all of them.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "api/database.h"
#include "http/router.h"
#include "http/server/api_keys.h"
#include "observe/process_context.h"
#include "sql/queries.h"

namespace ledgerline::api {

inline constexpr std::int64_t tenants_max = 10'000;

class TenantEndpoints {
public:
    // keys: is told of new tenants and limits at once. Arguments must outlive it.
    TenantEndpoints(Database& database, http::ApiKeys& keys, const ProcessContext& context)
        : database_(database), keys_(keys), ids_(context.ids) {}

    // This must outlive the router.
    void add_routes(http::Router& router);

private:
    using Answer = boost::asio::awaitable<http::Response>;
    Answer ensure(const http::Request& request);
    Answer limit(const http::Request& request);
    Answer list(http::Request& request);
    // This instance knows it at once, unless its limits are shared.
    void know(const sql::Tenant& tenant);

    Database& database_;
    http::ApiKeys& keys_;
    UuidGenerator& ids_;
};

}  // namespace ledgerline::api
