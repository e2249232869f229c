// HeadScreen: the first look at a request head, byte by byte, before anything is parsed.
//
// It lets through only what every HTTP implementation splits into the same lines: lines end in CR LF and nothing else,
// and no other control character occurs except the tab.
#pragma once

#include <cstddef>
#include <expected>
#include <optional>
#include <string_view>

#include "http/problem.h"

namespace ledgerline::http {

class HeadScreen {
public:
    struct Limits {
        std::size_t bytes_max = 16 * 1024;  // of the request line and all headers, with their line ends
        std::size_t fields_max = 100;
    };
    struct Screened {
        std::string_view head;   // the request line and the header lines, each with its CR LF; not the empty line
        std::size_t bytes_used;  // of received, up to the end of the empty line
    };

    explicit HeadScreen(Limits limits) : limits_(limits) {}

    // received begins with the request's first byte; each call gets the same bytes and perhaps more. Nothing: the head
    // is not complete yet. One empty line before the request line is skipped (RFC 9112, section 2.2).
    std::expected<std::optional<Screened>, Problem> look(std::string_view received);

private:
    std::expected<void, Problem> look_at(char byte);
    bool end_line(std::size_t next);

    Limits limits_;
    std::size_t position_ = 0;    // of the first byte not yet looked at
    std::size_t head_start_ = 0;  // 2 after an empty line that was skipped
    std::size_t line_start_ = 0;
    std::size_t lines_ = 0;  // complete and not empty
    bool after_cr_ = false;
};

}  // namespace ledgerline::http
