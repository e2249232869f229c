// Admission: everything decided by a request's head: its target, route, key, and whether its body is acceptable. Safe
// to use from any thread. The references must
// outlive it.
#pragma once

#include <optional>
#include <string_view>

#include "http/router.h"
#include "http/server/browsers.h"
#include "http/server/exchange.h"
#include "http/server/logins.h"

namespace ledgerline::http {

class Admission {
public:
    Admission(const Browsers& browsers, const Router& router, const Logins& logins)
        : browsers_(browsers), router_(router), logins_(logins) {}

    // Fills in path, query, parameters and route. Returns the answer when the request is refused, nothing when it may
    // proceed.
    std::optional<Response> refuse(std::string_view target, Exchange& exchange) const;
    // The answer when the request's tenant may not send a body of that size now.
    std::optional<Response> refuse_size(const Exchange& exchange, std::uint64_t bytes) const;
    // Counts an answer 429. How late it is to be sent: its key's, or else its tenant's, beyond so many in a second wait
    // until they are no more than that.
    std::chrono::nanoseconds refused_again(const Request& request) const;

private:
    std::optional<Response> let_in(Exchange& exchange) const;

    const Browsers& browsers_;
    const Router& router_;
    const Logins& logins_;
};

// Whether value is application/json. Its parameters are ignored (RFC 8259, section 11), except a charset other than
// UTF-8.
bool is_json_type(std::string_view value);

}  // namespace ledgerline::http
