// /v1/assets, /v1/lanes, the OpenAPI document, and what problems mean.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "api/database.h"
#include "http/router.h"

namespace ledgerline::api {

class OperationsEndpoints {
public:
    // database must outlive it.
    explicit OperationsEndpoints(Database& database) : database_(database) {}

    // This must outlive the router.
    void add_routes(http::Router& router);

private:
    using Answer = boost::asio::awaitable<http::Response>;
    Answer assets(const http::Request& request);
    Answer lanes(const http::Request& request);
    Answer openapi(const http::Request& request);
    Answer problem_type(const http::Request& request);

    Database& database_;
};

}  // namespace ledgerline::api
