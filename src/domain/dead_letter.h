// DeadLetter: an event or a message that could not be applied, and the message that reports it to other systems.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/uuid.h"
#include "domain/event.h"

namespace ledgerline {

// A dead letter, as far as its message describes it.
struct DeadLetter {
    Uuid id;
    // Where the message was that became the dead letter.
    std::string topic;
    int partition = 0;
    std::int64_t offset = 0;
    Message original;  // as received; its value may be truncated
    // Of the value as received; more than original holds when only a part of it is known.
    std::int64_t value_bytes = 0;
    std::string error_class;  // "permanent", "unknown", "foreign"
    std::string error_code;
    std::string error_message;
    int attempts = 1;
    WallTime first_failed_at;
    WallTime last_failed_at;
};

// At most this much of the original goes into a dead letter's message, so that it fits wherever the original fitted
// although headers are added: brokers accept 1,000,000 bytes unless configured otherwise. A smaller limit leaves less
// of it.
inline constexpr std::size_t dead_letter_value_bytes_max = 700'000;
inline constexpr std::size_t dead_letter_key_bytes_max = 32'768;
inline constexpr std::size_t dead_letter_headers_bytes_max = 65'536;  // with their framing
inline constexpr std::size_t dead_letter_text_bytes_max = 1'000;      // of one added header's value

// The prefix of the added headers' names. Headers of the original with such names are left out: they would be mistaken
// for ours.
inline constexpr std::string_view dead_letter_header_prefix = "dlq-";

// The message that reports letter: key, value and headers of the original, then dlq-id, dlq-original-topic,
// dlq-partition, dlq-offset, dlq-error-class, dlq-error-code, dlq-error-message, dlq-attempts, dlq-first-failed-at and
// dlq-last-failed-at, all in UTF-8. dlq-truncated names what is incomplete ("key", "value", "headers", separated by
// blanks); it is absent when nothing is. The message weighs at most bytes_max (see wire_bytes_max), or as little as
// possible: the added headers stay; key and headers of the original get up to a quarter each of the remaining room, and
// the value gets what is left.
Message encode(const DeadLetter& letter, std::size_t bytes_max);

}  // namespace ledgerline
