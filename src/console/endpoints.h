// ConsoleEndpoints: the page at /console, its files, and the calls by which a browser begins and ends its session. What
// the page shows, it asks of the API, as any client does.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>

#include "console/assets.h"
#include "http/router.h"
#include "http/server/logins.h"

namespace ledgerline::console {

class ConsoleEndpoints {
public:
    // logins must outlive it.
    ConsoleEndpoints(const http::Logins& logins, std::string version) : logins_(logins), version_(std::move(version)) {}

    // This must outlive the router.
    void add_routes(http::Router& router);

private:
    using Answer = boost::asio::awaitable<http::Response>;
    Answer page(http::Request& request);
    Answer slash(http::Request& request);
    Answer file(http::Request& request);
    Answer session(http::Request& request);
    Answer log_in(http::Request& request);
    Answer log_out(http::Request& request);
    Answer allow_changes(http::Request& request);
    Answer forbid_changes(http::Request& request);
    http::Response renewed(const http::Request& request, bool may_change) const;
    http::Response describe(const std::optional<http::Logins::Session>& session) const;

    const http::Logins& logins_;
    const std::string version_;
};

}  // namespace ledgerline::console
