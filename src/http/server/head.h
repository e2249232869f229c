// Head: a screened request head, parsed, and the framing that it declares.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/message.h"
#include "http/problem.h"

namespace ledgerline::http {

// Where a request's body ends, and whether the connection is kept after it.
struct Framing {
    enum class Body { none, length, chunked };
    enum class Expect { none, go_ahead, unknown };  // go_ahead: 100-continue

    int minor_version = 1;  // of HTTP/1
    Body body = Body::none;
    std::uint64_t content_length = 0;
    bool keep_alive = true;
    Expect expect = Expect::none;
};

struct Head {
    std::string method;
    std::string target;           // origin form ("/path?query") or "*"; an absolute form has been converted to it
    std::vector<Header> headers;  // names in lower case, values trimmed; Host is that of an absolute form
    Framing framing;
};

// text: the lines that HeadScreen let through. Returns a problem, to be answered before the connection is closed, when
// two readers could interpret the head differently (RFC 9112, sections 3, 5, 6 and 11.2), or when it is not HTTP/1.0 or
// 1.1. head then holds whatever could be understood: at least its headers may identify the request.
std::optional<Problem> parse_head(std::string_view text, Head& head);

// One header or trailer line without its line end. Nothing when it is not name, colon, value.
std::optional<Header> parse_field(std::string_view line);

}  // namespace ledgerline::http
