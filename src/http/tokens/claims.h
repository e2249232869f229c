// Claims: what a verified token says of who calls (RFC 7519, RFC 9068), and whether it is for us, now.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "http/api_key.h"
#include "http/tokens/jws.h"

namespace ledgerline::http {

// Which tokens are taken, and what their holders may do.
struct TokenPolicy {
    std::string issuer;                  // iss, exactly
    std::vector<std::string> audiences;  // aud must name one of them
    // Where the scopes are: the name of a claim, or a JSON pointer such as /realm_access/roles (RFC 6901).
    std::string scope_claim = "scope";
    // Where the name of the caller's tenant is, which a token must have then. Empty: all are of the default tenant.
    std::string tenant_claim = {};
    KeyLimits limits = {.amount_cents_max = {},
                        .may_overdraw = false,
                        .may_credit_external = false,
                        .requests_per_second = {},
                        .transactions_per_second = {}};  // of each subject
};

struct Claims {
    static constexpr std::size_t subject_bytes_max = 255;
    // How much the issuer's clock and ours may differ.
    static constexpr std::chrono::seconds skew_max{60};

    std::string subject;
    Scopes scopes;
    std::string tenant;  // its name
    WallTime ends_at;    // when the token is not taken any more

    // Names of scopes that are none of ours are ignored: issuers have others as well.
    static std::expected<Claims, TokenFault> parse(std::string_view payload, const TokenPolicy& policy, WallTime now);
};

// Why text can be no TokenPolicy::scope_claim or tenant_claim, worded to follow "must be"; "" when it can.
std::string broken_claim_rule(std::string_view text);

}  // namespace ledgerline::http
