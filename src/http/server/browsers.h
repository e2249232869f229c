// Browsers: keeps pages of other sites from calling this server through somebody's browser.
//
// A page can make its browser send requests anywhere, but it cannot choose what the browser says of them: Host names
// the server that the browser believes it talks to, Origin and Sec-Fetch-Site the page that asks. A name that is not
// ours in Host is a page whose own name was pointed at our address (DNS rebinding): 421. A change asked for by a page
// of another site is forged: 403. Other programs send neither header and are not affected.
//
// Pages of the origins that are allowed may call, and read the answers (CORS). They bring an API key: cookies are for
// the console, whose pages are our own.
//
// Safe to use from any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/message.h"

namespace ledgerline::http {

class Browsers {
public:
    // Names in lower case; "*.example.com" stands for every name below it. Nothing: any Host is accepted.
    using Hosts = std::optional<std::vector<std::string>>;

    // An address, localhost and any name below it are always accepted: nobody can point those elsewhere.
    Browsers(Hosts hosts, std::vector<std::string> origins) : hosts_(std::move(hosts)), origins_(std::move(origins)) {}

    // The answer to a request that a page must not make, or the one to a preflight; nothing when it may proceed.
    std::optional<Response> answer(const Request& request) const;
    // Lets the page that made the request read the answer, if its origin is allowed.
    void open(const Request& request, Response& response) const;

    // The rule that text breaks as a name of --allowed-hosts, or as an origin: worded to follow "must be"; "" for none.
    static std::string broken_host_rule(std::string_view text);
    static std::string broken_origin_rule(std::string_view text);

private:
    bool knows_host(std::string_view host) const;
    // The request's Origin if it is allowed; null for any other.
    const std::string* allowed_origin(const Request& request) const;
    bool may_change(const Request& request) const;

    const Hosts hosts_;
    const std::vector<std::string> origins_;
};

}  // namespace ledgerline::http
