// The request headers that have a meaning in the API.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "api/problem_code.h"
#include "base/clock.h"
#include "base/tenant.h"
#include "http/message.h"

namespace ledgerline::api {

// In code points.
inline constexpr std::size_t idempotency_key_chars_max = 255;
inline constexpr std::size_t operator_chars_max = 100;
inline constexpr std::chrono::seconds wait_max{30};

// Who calls, for the audit of what operators decide.
struct Caller {
    std::optional<std::string> operator_name;  // the name the caller gives itself: X-Operator
    std::optional<std::string> key_id;         // of the API key used; "sub:" and a token's subject
    std::string request_id;
    std::string peer;             // the address it came from
    int tenant = default_tenant;  // whom the call is for

    // Without a name.
    static Caller unnamed(const http::Request& request);
    static std::expected<Caller, http::Problem> parse(const http::Request& request);

    // The operator's name, else "key:" and its id or a token's "sub:" and its subject, else "api".
    std::string name() const;
};

// The Idempotency-Key header: a structured-field string (RFC 8941, section 3.3.3) when it begins with a quote,
// otherwise taken literally. Empty when absent; a problem when malformed or repeated.
std::expected<std::optional<std::string>, http::Problem> read_idempotency_key(const http::Request& request);

// The wait preference of the Prefer header (RFC 7240, section 4.3), at most wait_max. Empty when absent or malformed.
std::optional<std::chrono::seconds> read_wait(const http::Request& request);

// Whether the Prefer header says outcome=strict: a transaction that ended as FAILED is then answered as a problem.
bool wants_strict_outcome(const http::Request& request);

// Whether the Accept header prefers that media type to JSON, which is the answer to any other Accept header.
bool prefers(const http::Request& request, std::string_view wanted);

}  // namespace ledgerline::api
