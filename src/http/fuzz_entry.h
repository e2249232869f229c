// For a fuzzer and for property tests: runs bytes that any client could send through the screen, the head parser and
// the body decoder, and aborts when one of their promises is broken.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/text.h"
#include "http/server/body.h"
#include "http/server/screen.h"
#include "http/target.h"

namespace ledgerline::http {

// The screen's result for bytes that arrive in pieces of that size.
inline std::expected<std::optional<HeadScreen::Screened>, Problem> screen_in_pieces(std::string_view bytes,
                                                                                    std::size_t piece) {
    HeadScreen screen(HeadScreen::Limits{});
    for (std::size_t size = std::min(piece, bytes.size());; size = std::min(size + piece, bytes.size())) {
        auto seen = screen.look(bytes.substr(0, size));
        if (!seen || *seen || size == bytes.size()) return seen;
    }
}

struct DecodedBody {
    BodyDecoder::State state = BodyDecoder::State::more;
    std::string body;
    std::size_t used = 0;
};

inline DecodedBody decode_in_pieces(const Framing& framing, std::string_view bytes, std::size_t piece,
                                    std::size_t body_bytes_max) {
    BodyDecoder decoder(framing, body_bytes_max);
    DecodedBody decoded;
    do {
        std::size_t used = 0;
        decoded.state = decoder.decode(bytes.substr(decoded.used, piece), decoded.body, used);
        decoded.used += used;
    } while (decoded.state == BodyDecoder::State::more && decoded.used < bytes.size());
    return decoded;
}

inline void check_promises_of(const Head& head) {
    std::size_t hosts = 0, lengths = 0, codings = 0;
    for (const auto& [name, value] : head.headers) {
        LEDGERLINE_ASSERT(is_token(name) && name == lower(name));
        LEDGERLINE_ASSERT(!value.contains('\r') && !value.contains('\n') && !value.contains('\0'));
        hosts += name == "host";
        lengths += name == "content-length";
        codings += name == "transfer-encoding";
    }
    LEDGERLINE_ASSERT(hosts <= 1 && (hosts == 1 || head.framing.minor_version == 0));
    LEDGERLINE_ASSERT(lengths + codings <= 1);
    LEDGERLINE_ASSERT((head.framing.body == Framing::Body::chunked) == (codings == 1));
    LEDGERLINE_ASSERT(is_token(head.method) && is_visible_ascii(head.target));
    LEDGERLINE_ASSERT(head.target.starts_with('/') || head.target == "*");
}

inline void fuzz_request(std::string_view bytes) {
    constexpr std::size_t body_bytes_max = 1000;
    const auto whole = screen_in_pieces(bytes, bytes.size() + 1);
    const auto pieces = screen_in_pieces(bytes, 1);
    LEDGERLINE_ASSERT(whole.has_value() == pieces.has_value());
    if (!whole || !*whole) return;
    LEDGERLINE_ASSERT((*whole)->head == (*pieces)->head && (*whole)->bytes_used == (*pieces)->bytes_used);

    Head head;
    if (parse_head((*whole)->head, head)) return;
    check_promises_of(head);
    (void)parse_target(head.target);
    const std::string_view rest = bytes.substr((*whole)->bytes_used);
    const auto at_once = decode_in_pieces(head.framing, rest, rest.size() + 1, body_bytes_max);
    const auto slowly = decode_in_pieces(head.framing, rest, 1, body_bytes_max);
    LEDGERLINE_ASSERT(at_once.state == slowly.state && at_once.used == slowly.used && at_once.body == slowly.body);
    LEDGERLINE_ASSERT(at_once.body.size() <= body_bytes_max);
}

}  // namespace ledgerline::http
