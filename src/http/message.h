// Request and Response as handlers see them, after the edge has checked and parsed them.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/tenant.h"
#include "http/server/byte_budget.h"
#include "observe/trace.h"

namespace ledgerline::http {

struct ApiKey;

using Header = std::pair<std::string, std::string>;

struct Request {
    std::string method;                                            // "GET"
    std::string path;                                              // percent-decoded, without the query
    std::vector<std::pair<std::string, std::string>> query;        // percent-decoded, in order
    std::vector<std::pair<std::string, std::string>> path_params;  // named as in the route's pattern
    std::vector<Header> headers;                                   // names in lower case, values trimmed
    std::string body;
    std::string request_id;             // our own, or the client's X-Request-Id if that is harmless
    std::string peer;                   // the address it came from, or that a trusted proxy names
    std::string certificate_key;        // the id of the API key that the client's certificate stands for; "": none
    std::shared_ptr<const ApiKey> key;  // the API key that admitted it; null if none was needed
    int tenant = default_tenant;        // whom it is for: that of its key, or the one that an operator names
    bool is_secure = false;             // it came by TLS
    TraceContext trace;                 // of this request's span, in the client's trace or a new one
    SteadyTime received_at;

    // What this request holds of its listener's budgets. A handler that makes something larger of it than was sent, or
    // builds an answer of more than a few KiB, asks for room first (room.h).
    ByteBudget::Share memory;         // head, body, and what the handler makes from them
    ByteBudget::Share answer_memory;  // reserved for the answer; the edge adjusts it to the true size

    // For handlers that no longer need the body but still have to wait for something.
    void drop_body();

    // The first header with that name (given in lower case); null when there is none.
    const std::string* header(std::string_view name) const;
    // Of its key; "" if none was needed.
    std::string_view key_id() const;
    // Of whom it is for; admission has checked it.
    std::string_view tenant_name() const;
    // Whether its caller may do what is for operators of all tenants, and pay accounts of other tenants.
    bool is_of_operator() const;
    bool may_cross_tenants() const;
    // "" when the pattern has no such name.
    std::string_view path_param(std::string_view name) const;
};

class BodyParts;

struct Response {
    int status = 200;
    std::string content_type = "application/json";
    std::string body;
    std::shared_ptr<BodyParts> parts;  // in place of body: one that is made while it is sent (body_parts.h)
    std::vector<Header> headers;       // other than Content-Type, Content-Length, Connection, Date and X-Request-Id
    std::string problem_code;          // of a problem document, for the log and the metrics; "" otherwise
};

}  // namespace ledgerline::http
