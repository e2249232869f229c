// /v1/webhooks: endpoints that are told of outcomes, and what was delivered to them.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "api/database.h"
#include "api/webhook_store.h"
#include "http/router.h"
#include "notify/destinations.h"
#include "observe/process_context.h"

namespace ledgerline::api {

class WebhookEndpoints {
public:
    // Arguments passed by reference must outlive it.
    WebhookEndpoints(Database& database, notify::Destinations destinations, const ProcessContext& context)
        : database_(database), destinations_(std::move(destinations)), context_(context) {}

    // This must outlive the router.
    void add_routes(http::Router& router);

private:
    using Answer = boost::asio::awaitable<http::Response>;
    Answer create(http::Request& request);
    Answer get(http::Request& request);
    Answer list(http::Request& request);
    Answer change(http::Request& request);
    Answer remove(http::Request& request);
    Answer rotate(http::Request& request);
    Answer ping(http::Request& request);
    Answer deliveries(http::Request& request);
    Answer delivery(http::Request& request);
    Answer send_again(http::Request& request);

    Database& database_;
    const notify::Destinations destinations_;
    const ProcessContext context_;
};

}  // namespace ledgerline::api
