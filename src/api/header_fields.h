// The request headers that have a meaning in the API.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "api/problem_code.h"
#include "base/clock.h"
#include "http/message.h"

namespace ledgerline::api {

// In code points.
inline constexpr std::size_t idempotency_key_chars_max = 255;
inline constexpr std::chrono::seconds wait_max{30};

// The Idempotency-Key header: a structured-field string (RFC 8941, section 3.3.3) when it begins with a quote,
// otherwise taken literally. Empty when absent; a problem when malformed or repeated.
std::expected<std::optional<std::string>, http::Problem> read_idempotency_key(const http::Request& request);

// The wait preference of the Prefer header (RFC 7240, section 4.3), at most wait_max. Empty when absent or malformed.
std::optional<std::chrono::seconds> read_wait(const http::Request& request);

// Whether the Prefer header says outcome=strict: a transaction that ended as FAILED is then answered as a problem.
bool wants_strict_outcome(const http::Request& request);

// Whether the Accept header prefers text/csv to JSON, which is the answer to any other Accept header.
bool wants_csv(const http::Request& request);

}  // namespace ledgerline::api
