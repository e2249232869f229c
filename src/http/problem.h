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
    std::string
        field;  // the member, parameter or header at fault, as "metadata" or "transactions[3].currency"; may be empty
    int retry_after_seconds = 0;  // > 0: sent as Retry-After
    json::Object extensions;      // further members, such as account_id of reference_taken
};

// {type, title, status, code, detail, field?, ...extensions}. type is "about:blank"-free: "/problems/<code>".
json::Value to_json(const Problem& problem);
Response to_response(const Problem& problem);
// "Bad Request" for 400, and so on.
std::string_view reason_phrase(int status);

}  // namespace ledgerline::http
