// Problem documents: every error answer is application/problem+json (RFC 9457) with a stable code.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "http/message.h"

namespace ledgerline::http {

struct Problem {
    int status = 500;
    std::string code;    // stable, one of the enum in the OpenAPI document
    std::string detail;  // for people: names the field and the rule
    std::string field;   // the offending member, parameter or header, such as "metadata" or "transactions[3].currency";
                         // may be empty
    int retry_after_seconds = 0;  // > 0: sent as Retry-After
    json::Object extensions;      // further members, such as account_id of reference_taken
};

// Client input is echoed in at most this many bytes, as they appear in the document.
inline constexpr std::size_t echo_bytes_max = 200;
// text, truncated with an ellipsis if it is longer than bytes_max. For text inside a detail; the document truncates its
// field and all its other texts by itself.
std::string echo(std::string_view text, std::size_t bytes_max = echo_bytes_max);

// {type, title, status, code, detail, field?, ...extensions}. type is "/problems/<code>".
json::Value to_json(const Problem& problem);
Response to_response(const Problem& problem);
// "Bad Request" for 400, and so on.
std::string_view reason_phrase(int status);

// The codes of problems that the edge itself reports. The OpenAPI document lists them among its own.
namespace edge_code {
inline constexpr std::string_view malformed_request = "malformed_request";                    // 400
inline constexpr std::string_view invalid_target = "invalid_target";                          // 400
inline constexpr std::string_view unexpected_body = "unexpected_body";                        // 400
inline constexpr std::string_view unauthorized = "unauthorized";                              // 401
inline constexpr std::string_view invalid_token = "invalid_token";                            // 401
inline constexpr std::string_view forbidden = "forbidden";                                    // 403
inline constexpr std::string_view insufficient_scope = "insufficient_scope";                  // 403
inline constexpr std::string_view origin_not_allowed = "origin_not_allowed";                  // 403
inline constexpr std::string_view tenant_not_found = "tenant_not_found";                      // 404
inline constexpr std::string_view route_not_found = "route_not_found";                        // 404
inline constexpr std::string_view method_not_allowed = "method_not_allowed";                  // 405
inline constexpr std::string_view request_timeout = "request_timeout";                        // 408
inline constexpr std::string_view body_too_large = "body_too_large";                          // 413
inline constexpr std::string_view unsupported_media_type = "unsupported_media_type";          // 415
inline constexpr std::string_view expectation_failed = "expectation_failed";                  // 417
inline constexpr std::string_view rate_limited = "rate_limited";                              // 429
inline constexpr std::string_view host_not_allowed = "host_not_allowed";                      // 421
inline constexpr std::string_view headers_too_large = "headers_too_large";                    // 431
inline constexpr std::string_view internal_error = "internal_error";                          // 500
inline constexpr std::string_view coding_not_supported = "coding_not_supported";              // 501
inline constexpr std::string_view overloaded = "overloaded";                                  // 503
inline constexpr std::string_view too_many_connections = "too_many_connections";              // 503
inline constexpr std::string_view not_ready = "not_ready";                                    // 503
inline constexpr std::string_view not_alive = "not_alive";                                    // 503
inline constexpr std::string_view http_version_not_supported = "http_version_not_supported";  // 505

inline constexpr std::string_view all[] = {malformed_request,
                                           invalid_target,
                                           unexpected_body,
                                           unauthorized,
                                           invalid_token,
                                           forbidden,
                                           insufficient_scope,
                                           origin_not_allowed,
                                           tenant_not_found,
                                           route_not_found,
                                           method_not_allowed,
                                           request_timeout,
                                           body_too_large,
                                           unsupported_media_type,
                                           expectation_failed,
                                           host_not_allowed,
                                           rate_limited,
                                           headers_too_large,
                                           internal_error,
                                           coding_not_supported,
                                           overloaded,
                                           too_many_connections,
                                           not_ready,
                                           not_alive,
                                           http_version_not_supported};
}  // namespace edge_code

Problem edge_problem(int status, std::string_view code, std::string detail, std::string_view field = "");

}  // namespace ledgerline::http
