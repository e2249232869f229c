// Destinations: where messages may be sent. Whoever may name a URL must not reach through it what only this machine
// can: so only public addresses, and only by https, except in networks that the operator allows.
//
// A name is looked up when its endpoint is connected to, so that is when the address is checked (allows()). What
// broken_rule() refuses before that is a help to whoever types it.
#pragma once

#include <string>
#include <vector>

#include "http/server/network.h"

namespace ledgerline::notify {

inline constexpr std::size_t url_chars_max = 2000;

class Destinations {
public:
    // allowed: networks in which every address may be used, also without TLS.
    explicit Destinations(std::vector<http::Network> allowed = {}) : allowed_(std::move(allowed)) {}

    // Whether a connection to the address may be made.
    bool allows(const http::AddressBytes& address, bool tls) const;
    // The rule that the text breaks as the URL of an endpoint; "" if none.
    std::string broken_rule(const std::string& url) const;

private:
    bool is_allowed(const http::AddressBytes& address) const;

    std::vector<http::Network> allowed_;
};

}  // namespace ledgerline::notify
