// StoredMessage: what a dead letter keeps of a message, in a form that PostgreSQL accepts: bytes that are not text are
// kept as base64, and what is too large is truncated. The end of the error message lists whatever is not kept whole.
#pragma once

#include <cstddef>
#include <string>

#include "domain/event.h"

namespace ledgerline {

struct StoredMessage {
    static constexpr std::size_t value_bytes_max = std::size_t{1} << 20;
    static constexpr std::size_t headers_bytes_max = 65'536;  // names and values together
    static constexpr std::size_t key_bytes_max = 32'768;
    static constexpr std::size_t error_bytes_max = 2'000;

    // bare: keeps neither value nor headers.
    StoredMessage(const Message& message, const std::string& error, bool bare);

    std::string key;
    std::string payload;
    std::string encoding;      // of payload: "utf8", "base64"
    std::string value_sha256;  // of the whole value, 32 bytes
    std::string headers;       // JSON: an array of [name, value], or [name, value, "base64"] with both encoded
    std::string error_message;
};

}  // namespace ledgerline
