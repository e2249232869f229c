// The head of an answer as it goes over the wire.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "http/message.h"

namespace ledgerline::http {

// How long the connection stays open for another request; nothing: it is closed.
using KeptOpen = std::optional<milliseconds>;

// Status line and headers, with the empty line. Content-Length is the size of response.body, whether it is sent or not.
// A body in parts is chunked, or ends with the connection if that is closed. Every client gets it, and how long the
// connection is kept: Keep-Alive is in whole seconds, and clients' pools rely on it.
std::string wire_head(const Response& response, std::string_view request_id, WallTime now, KeptOpen kept_open);

// Whether its status and headers can be written safely: a line break in a value would forge a header.
bool is_writable(const Response& response);

// "Mon, 23 Nov 2026 09:20:00 GMT" (RFC 9110, section 5.6.7).
std::string format_http_date(WallTime time);

}  // namespace ledgerline::http
