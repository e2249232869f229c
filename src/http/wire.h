// The head of an answer as it goes over the wire.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "http/message.h"

namespace ledgerline::http {

enum class After { keep_open, keep_open_1_0, close };  // what becomes of the connection; 1.0 wants to be told

// Status line and headers, with the empty line. Content-Length is the size of response.body, sent or not.
std::string wire_head(const Response& response, std::string_view request_id, WallTime now, After after);

// Whether its status and headers can be written as they are: a line break in a value would forge a header.
bool is_writable(const Response& response);

// "Mon, 23 Nov 2026 09:20:00 GMT" (RFC 9110, section 5.6.7).
std::string format_http_date(WallTime time);

}  // namespace ledgerline::http
